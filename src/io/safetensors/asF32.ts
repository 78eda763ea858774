// Stored floats of any type as f32, converted as they are streamed: for types that the GPU does not cast. Loaded where
// a checkpoint has them.

import { CheckpointError } from "../../device/errors.ts";
import { fromHalf } from "../../device/half.ts";
import type { StoredTensor } from "./checkpoint.ts";

/** The float at a place in bytes. */
type ReadFloat = (bytes: DataView, at: number) => number;

interface FloatFormat {
  readonly width: number;
  readonly read: ReadFloat;
}

/**
 * An 8-bit float by its fields. E4M3 has no infinities, and NaN where all bits but the sign are 1 (Micikevicius et al.
 * 2022, "FP8 formats for deep learning", table 1). FNUZ, of AMD and Graphcore, has a bias of one more, no infinities,
 * and NaN in place of -0 (Noune et al. 2022, "8-bit numerical formats for deep neural networks").
 */
function eightBits(bits: number, exponentBits: 4 | 5, isFnuz: boolean): number {
  const mantissaBits = 7 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - (isFnuz ? 0 : 1);
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> mantissaBits;
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  if (isFnuz && bits === 0x80) return Number.NaN;
  if (!isFnuz && exponentBits === 4 && (bits & 0x7f) === 0x7f) return Number.NaN;
  if (!isFnuz && exponentBits === 5 && exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

function eightBitFormat(exponentBits: 4 | 5, isFnuz = false): FloatFormat {
  const values = Float32Array.from({ length: 256 }, (_, bits) => eightBits(bits, exponentBits, isFnuz));
  return { width: 1, read: (bytes, at) => values[bytes.getUint8(at)] as number };
}

const words = new DataView(new ArrayBuffer(4));

const FORMATS: ReadonlyMap<string, FloatFormat> = new Map([
  ["F64", { width: 8, read: (bytes, at) => bytes.getFloat64(at, true) }],
  ["F32", { width: 4, read: (bytes, at) => bytes.getFloat32(at, true) }],
  ["F16", { width: 2, read: (bytes, at) => fromHalf(bytes.getUint16(at, true)) }],
  [
    "BF16",
    {
      width: 2,
      read: (bytes, at) => {
        words.setUint32(0, bytes.getUint16(at, true) << 16);
        return words.getFloat32(0);
      },
    },
  ],
  ["F8_E4M3", eightBitFormat(4)],
  ["F8_E5M2", eightBitFormat(5)],
  ["F8_E4M3FNUZ", eightBitFormat(4, true)],
  ["F8_E5M2FNUZ", eightBitFormat(5, true)],
]);

/** The same tensor as one of F32; throws CheckpointError where it holds no floats. */
export function asF32(tensor: StoredTensor): StoredTensor {
  const format = FORMATS.get(tensor.dtype);
  if (!format) {
    const types = [...FORMATS.keys()].join(", ");
    throw new CheckpointError(`tensor "${tensor.name}" is of ${tensor.dtype}, expected floats: ${types}`);
  }
  const stream = (signal?: AbortSignal) => converted(tensor.stream(signal), format);
  return {
    name: tensor.name,
    dtype: "F32",
    shape: tensor.shape,
    byteLength: (tensor.byteLength / format.width) * 4,
    stream,
    read: async (signal) => new Uint8Array((await floatsOf(stream(signal))).buffer),
  };
}

/** The elements of a tensor, for small ones. */
export function readFloats(tensor: StoredTensor, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
  return floatsOf(asF32(tensor).stream(signal));
}

async function floatsOf(chunks: AsyncIterable<Uint8Array>): Promise<Float32Array<ArrayBuffer>> {
  const kept: Uint8Array[] = [];
  for await (const chunk of chunks) kept.push(chunk);
  const bytes = new Uint8Array(kept.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const chunk of kept) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return new Float32Array(bytes.buffer);
}

/** Chunks of F32 of chunks of a format; an element that two chunks share is kept until it is whole. */
async function* converted(chunks: AsyncIterable<Uint8Array>, { width, read }: FloatFormat): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const chunk of chunks) {
    let bytes = chunk;
    if (rest.byteLength) {
      bytes = new Uint8Array(rest.byteLength + chunk.byteLength);
      bytes.set(rest);
      bytes.set(chunk, rest.byteLength);
    }
    const count = Math.floor(bytes.byteLength / width);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const floats = new Float32Array(count);
    for (let i = 0; i < count; i++) floats[i] = read(view, i * width);
    rest = bytes.slice(count * width);
    yield new Uint8Array(floats.buffer);
  }
}
