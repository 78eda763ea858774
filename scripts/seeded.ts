// Full-size checkpoints without their download: weights made from a manifest by the arithmetic of scripts/seeded.py,
// which PyTorch's reference outputs were computed with.
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SeededRow {
  readonly name: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly scale: number;
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The elements of a tensor. */
export function seededTensor({ name, shape, mean, scale }: SeededRow): Float32Array {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
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

/** Writes the weights into a temporary folder, gives the file's path to `use`, and removes the folder. */
export async function withSeededCheckpoint<T>(
  manifest: string,
  use: (path: string) => Promise<T>,
  name = "model.safetensors",
): Promise<T> {
  const rows = JSON.parse(await readFile(manifest, "utf8")) as SeededRow[];
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
  try {
    const path = join(folder, name);
    await writeSeeded(rows, path);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A safetensors file of the manifest's tensors. */
export async function writeSeeded(rows: readonly SeededRow[], path: string): Promise<void> {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const { name, shape } of rows) {
    const end = offset + 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new BigUint64Array([BigInt(text.length)]);
  const file = await open(path, "w");
  try {
    await file.writeFile(new Uint8Array(length.buffer));
    await file.writeFile(text);
    for (const row of rows) await file.writeFile(new Uint8Array(seededTensor(row).buffer));
  } finally {
    await file.close();
  }
}
