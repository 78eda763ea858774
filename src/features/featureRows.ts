// Feature vectors on the host, one a row: checked, brought to unit length, and compared by cosine in blocks.

import { ArgumentError } from "../device/errors.ts";
import { formatShape, type NdArray, type Shape, sizeOf } from "../device/tensor.ts";

/** Rows of equal length, row-major. */
export interface Rows {
  readonly data: Float32Array;
  readonly count: number;
  readonly channels: number;
}

/** The patches of one picture, row by row of the grid. */
export interface PatchFeatures {
  /** [pictures, height * width, channels] of the grid. */
  readonly patches: NdArray;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
}

/** Features [N, C], or one vector [C]. */
export function featureRows(where: string, { data, shape }: NdArray): Rows {
  const [count = 0, channels = 0] = shape.length === 1 ? [1, ...shape] : shape;
  if (shape.length > 2 || count < 1 || channels < 1 || data.length !== count * channels) {
    throw new ArgumentError(
      `[${where}] features must be [N, C] with N and C from 1, got ${formatShape(shape)} with ${data.length} elements`,
    );
  }
  checkFinite(where, data, channels);
  return { data, count, channels };
}

/** The patches of one picture. */
export function patchRows(where: string, { patches, grid }: PatchFeatures): Rows {
  const { data, shape } = patches;
  const { count, channels } = checkPatches(where, shape, grid);
  if (data.length !== sizeOf(shape)) {
    throw new ArgumentError(`[${where}] patches ${formatShape(shape)} have ${data.length} elements`);
  }
  checkFinite(where, data, channels);
  return { data, count, channels };
}

/** Throws unless a shape is that of the patches of one picture on the grid; gives their number and channels. */
export function checkPatches(where: string, shape: Shape, [height, width]: PatchFeatures["grid"]) {
  const [pictures = 0, count = 0, channels = 0] = shape;
  if (shape.length !== 3 || pictures !== 1 || count !== height * width || count < 1 || channels < 1) {
    throw new ArgumentError(
      `[${where}] patches must be [1, height * width, C] of one picture, got ${formatShape(shape)} ` +
        `on a grid of ${height} x ${width}: encode pictures one by one`,
    );
  }
  return { count, channels };
}

export function checkFinite(where: string, data: Float32Array, channels: number): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const place = `row ${Math.floor(at / channels)}, channel ${at % channels}`;
  throw new ArgumentError(`[${where}] features hold ${data[at]} at ${place}, expected finite numbers`);
}

export function checkChannels(where: string, got: Rows, expected: Rows): void {
  if (got.channels === expected.channels) return;
  throw new ArgumentError(
    `[${where}] features have ${got.channels} channels, expected ${expected.channels}: are they of the same model?`,
  );
}

/** Each row divided by its length (torch.nn.functional.normalize: a row of zeros stays zeros). */
export function unitRows({ data, count, channels }: Rows): Rows {
  const unit = new Float32Array(data.length);
  for (let row = 0; row < count; row++) {
    const from = row * channels;
    let sum = 0;
    for (let c = from; c < from + channels; c++) sum += (data[c] as number) ** 2;
    const scale = 1 / Math.max(Math.sqrt(sum), 1e-12);
    for (let c = from; c < from + channels; c++) unit[c] = (data[c] as number) * scale;
  }
  return { data: unit, count, channels };
}

// Rows of `a` multiplied at a time: each element of b that is read then serves four sums.
const BLOCK = 4;

/** Calls `visit` with the dot products of each row of a with all rows of b, in order; the array is reused. */
export function eachProduct(a: Rows, b: Rows, visit: (row: number, products: Float32Array) => void): void {
  const { channels } = a;
  const products = Array.from({ length: BLOCK }, () => new Float32Array(b.count));
  const [p0, p1, p2, p3] = products as [Float32Array, Float32Array, Float32Array, Float32Array];
  for (let row = 0; row < a.count; row += BLOCK) {
    const last = a.count - 1;
    const [a0, a1, a2, a3] = [0, 1, 2, 3].map((i) => Math.min(row + i, last) * channels) as [
      number,
      number,
      number,
      number,
    ];
    for (let column = 0; column < b.count; column++) {
      const from = column * channels;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let c = 0; c < channels; c++) {
        const value = b.data[from + c] as number;
        s0 += (a.data[a0 + c] as number) * value;
        s1 += (a.data[a1 + c] as number) * value;
        s2 += (a.data[a2 + c] as number) * value;
        s3 += (a.data[a3 + c] as number) * value;
      }
      p0[column] = s0;
      p1[column] = s1;
      p2[column] = s2;
      p3[column] = s3;
    }
    for (let i = 0; i < BLOCK && row + i < a.count; i++) visit(row + i, products[i] as Float32Array);
  }
}
