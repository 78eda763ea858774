// Where the rows of a search come from: any store of vectors of one length that can be read in blocks.
import { ArgumentError } from "../device/errors.ts";
import { fromHalfArray, toHalfArray } from "../device/half.ts";
import { formatShape, type HostArray, type NdArray } from "../device/tensor.ts";

/** Type of stored rows: f16 takes half of f32's room, i8 with an f32 factor a row a quarter. */
export type RowType = "f32" | "f16" | "i8";

/** Some rows, one after the other. */
export interface RowBlock {
  /** [count * channels]; f16 as bits. */
  readonly rows: HostArray;
  /** Of i8: by what the numbers of each row are multiplied. */
  readonly scale?: Float32Array;
}

/** Rows that can be read in blocks. */
export interface RowSource {
  /** Rows. There may be more of them later, but what there is stays. */
  readonly count: number;
  /** Elements of each. */
  readonly channels: number;
  /** How they are stored. */
  readonly dtype: RowType;
  /** Rows `first` up to `first + count`, all of which there are. */
  read(first: number, count: number, signal?: AbortSignal): Promise<RowBlock>;
}

/**
 * Embeddings [N, C] as they are stored.
 *
 * @throws ArgumentError for another shape or a number that is not finite.
 */
export function encodeRows({ data, shape }: NdArray, dtype: RowType): RowBlock {
  const [count = 0, channels = 0] = shape;
  if (shape.length !== 2 || data.length !== count * channels) {
    throw new ArgumentError(`rows have shape ${formatShape(shape)} and ${data.length} elements, expected [N, C]`);
  }
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new ArgumentError(`row ${Math.floor(at / channels)} holds ${data[at]}, expected finite numbers`);
  if (dtype === "f32") return { rows: data };
  if (dtype === "f16") return { rows: toHalfArray(data) };
  const rows = new Int8Array(data.length);
  const scale = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const values = data.subarray(row * channels, (row + 1) * channels);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    scale[row] = largest / 127;
    for (const [c, value] of values.entries())
      rows[row * channels + c] = largest && Math.round((value / largest) * 127);
  }
  return { rows, scale };
}

/** The numbers that stored rows stand for. */
export function decodeRows({ rows, scale }: RowBlock, channels: number): Float32Array {
  if (rows instanceof Float32Array) return rows;
  if (rows instanceof Uint16Array) return fromHalfArray(rows);
  return Float32Array.from(rows, (value, i) => value * (scale?.[Math.floor(i / channels)] ?? 1));
}

/** Embeddings [N, C] in memory as a source of rows. */
export function rowsInMemory(rows: NdArray, dtype: RowType = "f32"): RowSource {
  const block = encodeRows(rows, dtype);
  const [count = 0, channels = 0] = rows.shape;
  return {
    count,
    channels,
    dtype,
    read: async (first, some) => ({
      rows: block.rows.subarray(first * channels, (first + some) * channels),
      ...(block.scale && { scale: block.scale.subarray(first, first + some) }),
    }),
  };
}
