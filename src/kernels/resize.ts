// Pillow's resize of 8-bit pictures, bit for bit: a filter whose support grows with the factor of shrinking, one pass
// an axis, each rounded to bytes (python-pillow/Pillow: src/libImaging/Resample.c). `resizeOrder` gives the passes in
// order.
import source from "../../shaders/resize.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectPicture, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

/** The axis that a pass changes: W or H of [H, W] or [B, H, W]. */
export type ResizeAxis = "horizontal" | "vertical";

export interface ResizeParams {
  /** The axis that changes. */
  readonly axis: ResizeAxis;
  /** Of a horizontal pass over one picture, the rows that are made: all of them where it is absent. */
  readonly rows?: readonly [begin: number, end: number] | undefined;
}

/** A picture's size in pixels. */
export interface PictureSize {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
}

/** Pillow's filters of the same names; and torch's nearest-exact, which is Pillow's nearest but between two pixels. */
export type ResizeFilter = "nearest" | "nearest-exact" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** What the kernel needs to bring one axis to another length. */
export interface ResizeCoefficients {
  /** First pixel of the source under each pixel of the result: [outSize]. */
  readonly starts: Int32Array;
  /** Weights of the pixels from there on, in units of 2^-22: [outSize, taps]. */
  readonly weights: Int32Array;
  /** Weights of each pixel of the result. */
  readonly taps: number;
}

/**
 * The passes that PIL.Image.resize makes, in its order, which shows in the last bits; none for an axis that keeps its
 * length. Pillow 13 begins with the vertical pass where that saves work (a picture that loses more than twice as many
 * rows as columns); before 13 the horizontal one always came first.
 */
export function resizeOrder(from: PictureSize, to: PictureSize): ResizeAxis[] {
  const [lostRows, lostColumns] = [from.height - to.height, from.width - to.width];
  const isVerticalFirst = lostRows > 0 && lostRows > 2 * lostColumns;
  const order: ResizeAxis[] = isVerticalFirst ? ["vertical", "horizontal"] : ["horizontal", "vertical"];
  return order.filter((axis) => (axis === "vertical" ? lostRows : lostColumns) !== 0);
}

/** Bits of a weight's fraction: 32 less 8 for the byte and 2 for filters with negative lobes. */
const PRECISION_BITS = 22;

interface Filter {
  /** Half-width, in pixels of whichever picture is coarser. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const FILTERS: Readonly<Record<Exclude<ResizeFilter, "nearest" | "nearest-exact">, Filter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Pillow writes the two constants as floats.
  hamming: {
    support: 1,
    weight: (x) =>
      Math.abs(x) < 1
        ? sinc(Math.abs(x)) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(Math.abs(x) * Math.PI))
        : 0,
  },
  bicubic: { support: 2, weight: (x) => bicubic(Math.abs(x), -0.5) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function bicubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Source pixels under one pixel of the result, and their weights, which sum to 1. */
interface Row {
  readonly start: number;
  readonly weights: readonly number[];
}

/**
 * The weights that bring an axis of `inSize` pixels to `outSize`, computed in float64 as Pillow does; of the pixels
 * [begin, end) of the result alone, where a crop keeps no others: those of a line of 16,384 pixels that is brought to a
 * height of 224 would be millions. Throws an ArgumentError on sizes that are not whole and positive.
 *
 * @example
 * const { starts, weights, taps } = resizeCoefficients(640, 224, "bicubic");
 */
export function resizeCoefficients(
  inSize: number,
  outSize: number,
  filter: ResizeFilter,
  range: readonly [begin: number, end: number] = [0, outSize],
): ResizeCoefficients {
  for (const size of [inSize, outSize]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new ArgumentError(`resizeCoefficients: a size is ${size}, expected a whole number from 1`);
    }
  }
  const rows = rowsOf(inSize, outSize, filter, range);
  const taps = rows.reduce((most, { weights }) => Math.max(most, weights.length), 1);
  const starts = new Int32Array(rows.length);
  const weights = new Int32Array(rows.length * taps);
  for (const [i, row] of rows.entries()) {
    // Every row has the same number of taps; those near the end begin earlier, so that none reads beyond it.
    const start = Math.min(row.start, inSize - taps);
    starts[i] = start;
    for (const [t, weight] of row.weights.entries()) weights[i * taps + row.start - start + t] = fixedPoint(weight);
  }
  return { starts, weights, taps };
}

function rowsOf(inSize: number, outSize: number, filter: ResizeFilter, range: readonly [number, number]): Row[] {
  if (filter === "nearest") return nearestRows(inSize, outSize, range);
  if (filter === "nearest-exact") return exactRows(inSize, outSize, range);
  return filterRows(inSize, outSize, FILTERS[filter], range);
}

/** Rounds half away from zero. */
function fixedPoint(weight: number): number {
  return Math.trunc(weight * 2 ** PRECISION_BITS + (weight < 0 ? -0.5 : 0.5));
}

/** Pillow's precompute_coeffs. */
function filterRows(
  inSize: number,
  outSize: number,
  { support: halfWidth, weight }: Filter,
  [begin, until]: readonly [number, number],
): Row[] {
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const inverse = 1 / filterScale;
  const support = halfWidth * filterScale;
  return Array.from({ length: until - begin }, (_, i) => {
    const center = (begin + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(inSize, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: end - start }, (_, x) => weight((x + start - center + 0.5) * inverse));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { start, weights: sum === 0 ? raw : raw.map((w) => w / sum) };
  });
}

/** Pillow's ImagingScaleAffine: the position is a running sum, with the rounding errors that such a sum has. */
function nearestRows(inSize: number, outSize: number, [begin, end]: readonly [number, number]): Row[] {
  const scale = inSize / outSize;
  let position = scale * 0.5;
  for (let i = 0; i < begin; i++) position += scale;
  return Array.from({ length: end - begin }, () => {
    const start = Math.min(Math.trunc(position), inSize - 1);
    position += scale;
    return { start, weights: [1] };
  });
}

/** torch's nearest_neighbor_exact_compute_source_index: each position for itself, in float32. */
function exactRows(inSize: number, outSize: number, [begin, end]: readonly [number, number]): Row[] {
  const scale = Math.fround(inSize / outSize);
  return Array.from({ length: end - begin }, (_, i) => {
    const start = Math.floor(Math.fround((begin + i + 0.5) * scale));
    return { start: Math.min(start, inSize - 1), weights: [1] };
  });
}

interface Sizes {
  readonly first: number;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** The picture as [outer, length, inner], where `length` is the axis to change, and the first of `outer` to make. */
function sizes(image: Spec, { axis, rows }: ResizeParams): Sizes {
  const at = image.shape.length - (axis === "horizontal" ? 1 : 2);
  const length = image.shape[at] as number;
  const [first, end] = rows ?? [0, sizeOf(image.shape.slice(0, at))];
  return { first, outer: end - first, length, inner: sizeOf(image.shape.slice(at + 1)) };
}

function checkRows({ shape }: Spec, { axis, rows }: ResizeParams): void {
  if (!rows) return;
  const [[begin, end], [H = 0]] = [rows, shape];
  if (axis === "horizontal" && shape.length === 2 && 0 <= begin && begin <= end && end <= H) return;
  const expected = "expected [begin, end] of a horizontal pass over one picture [H, W]";
  throw new ShapeError(`[resize] rows are ${formatShape(rows)} of ${formatShape(shape)}, ${axis}: ${expected}`);
}

export const resize = /* @__PURE__ */ defineKernel<ResizeParams>()({
  name: "resize",
  wgsl: [...flat, source],
  inputs: ["image", "starts", "weights"],
  params: { count: "u32", length: "u32", size: "u32", inner: "u32", taps: "u32", first: "u32" },
  output: ({ image, starts, weights }, params) => {
    const { axis } = params;
    expectPicture("resize", image);
    for (const [name, { dtype }] of Object.entries({ starts, weights })) {
      if (dtype !== "i32") throw new ShapeError(`[resize] ${name} has dtype ${dtype}, expected i32`);
    }
    const [size = 0, taps = 0] = weights.shape;
    expectShape("resize", "starts", starts.shape, [size], "first axis of weights");
    const { length } = sizes(image, { axis });
    if (taps < 1 || taps > length) {
      throw new ShapeError(`[resize] weights ${formatShape(weights.shape)} have ${taps} taps for ${length} pixels`);
    }
    checkRows(image, params);
    const shape = [...image.shape];
    if (params.rows) shape[0] = params.rows[1] - params.rows[0];
    shape[shape.length - (axis === "horizontal" ? 1 : 2)] = size;
    return { dtype: "u32", shape };
  },
  launch: ({ image, weights }, params) => {
    const { first, outer, length, inner } = sizes(image, params);
    const [size = 0, taps = 0] = weights.shape;
    const count = outer * size * inner;
    return {
      params: { count, length, size, inner, taps, first },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ image, weights }, params) => {
    const { outer, inner } = sizes(image, params);
    return 8 * outer * inner * sizeOf(weights.shape);
  },
});
