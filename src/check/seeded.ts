// Checkpoints without their download: each weight is a hash of its tensor's name and its index, by the arithmetic of
// scripts/seeded.py, so that PyTorch computes with the same bits. A manifest.json lists the tensors.
import { InvalidFileError, NotFoundError } from "../device/errors.ts";
import type { Checkpoint, StoredTensor } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { bytesFile } from "../io/source/bytes.ts";
import type { OpenWeights } from "../session/pretrained.ts";

/** A tensor of a manifest: its elements are uniform within `scale` of `mean`. */
export interface SeededRow {
  readonly name: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly scale: number;
}

/** The elements of a tensor. */
export function seededTensor({ name, shape, mean, scale }: SeededRow): Float32Array<ArrayBuffer> {
  const out = new Float32Array(elements(shape));
  const hash = fnv1a32(name);
  for (let i = 0; i < out.length; i++) {
    let z = (Math.imul(i, 0x9e3779b1) + hash) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    z ^= z >>> 16;
    out[i] = mean + scale * ((z >>> 8) * 2 ** -23 - 1);
  }
  return out;
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/**
 * A checkpoint of a parsed manifest's tensors, each of which is computed when it is read. `name` is the manifest's, for
 * messages.
 *
 * @throws InvalidFileError where the manifest is none.
 */
function seededCheckpoint(name: string, manifest: unknown): Checkpoint {
  if (!Array.isArray(manifest) || !manifest.every(isRow)) {
    throw new InvalidFileError(`${name} is not a list of tensors, each with name, shape, mean and scale`);
  }
  const tensors = manifest.map((row) => [row.name, storedTensor(row)] as const);
  return { name, tensors: new Map(tensors), metadata: {}, close: async () => {} };
}

/** The weights among a model's files; where there are none, those that its manifest.json describes. */
export const storedOrSeeded: OpenWeights = async (source, options, preferred) => {
  try {
    return await openCheckpoint(source, options, preferred);
  } catch (error) {
    const manifest = error instanceof NotFoundError ? await source.json("manifest.json") : undefined;
    if (manifest === undefined) throw error;
    return seededCheckpoint(`manifest.json of ${source.name}`, manifest);
  }
};

function isRow(value: unknown): value is SeededRow {
  const { name, shape, mean, scale } = (value ?? {}) as Partial<Record<keyof SeededRow, unknown>>;
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  return typeof name === "string" && isShape && Number.isFinite(mean) && Number.isFinite(scale);
}

function storedTensor(row: SeededRow): StoredTensor {
  const { name, shape } = row;
  const byteLength = Float32Array.BYTES_PER_ELEMENT * elements(shape);
  const bytes = () => new Uint8Array(seededTensor(row).buffer);
  const stream = (signal?: AbortSignal) => bytesFile(name, bytes()).stream(0, byteLength, signal);
  return { name, dtype: "F32", shape, byteLength, stream, read: async () => bytes() };
}
