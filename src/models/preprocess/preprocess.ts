// From a picture's bytes to what a model takes, on the GPU: Pillow's resize of 8-bit values, crop, rescale, normalise.
import { toHalfArray } from "../../device/half.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import type { InterpolateWindow } from "../../kernels/interpolate.ts";
import type { Rgb } from "../../kernels/normalizeImage.ts";
import {
  type ResizeCoefficients,
  type ResizeFilter,
  type ResizeParams,
  resizeCoefficients,
  resizeOrder,
} from "../../kernels/resize.ts";
import { definePart } from "../part.ts";
import { cropStart, type Preprocessing, resizedSize, roundHalfToEven, type Size } from "./recipe.ts";

interface PreprocessSettings {
  readonly recipe: Preprocessing;
  /** Of the picture, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Pixels from one row of the picture to the next in its buffer. */
  readonly rowLength: number;
  readonly dtype: "f32" | "f16";
}

/** A picture of one size, in a buffer of its own, to a model's pixels [1, height, width, 3]. */
export const preprocessPart = /* @__PURE__ */ definePart({
  name: "preprocess",
  inputs: ({ height, rowLength }: PreprocessSettings) => ({
    image: { dtype: "u32", shape: [height, rowLength], bound: true },
  }),
  record: ({ image }, _, { recipe, dtype, width }) => ({ pixels: preprocess(image, recipe, dtype, width) }),
});

/**
 * Records the recipe: image [H, W] of packed RGBA bytes gives [1, h, w, 3]. Its rows may be longer than the picture's
 * `width` (those that come from a texture are): what lies beyond is not read.
 */
export function preprocess(image: Value, recipe: Preprocessing, dtype: "f32" | "f16", width?: number): Value {
  const [H = 0, rowLength = 0] = image.shape;
  const W = width ?? rowLength;
  const [h, w] = resizedSize(recipe.resize, [H, W]);
  const [rows, columns] = recipe.crop ?? [h, w];
  const window = {
    ...{ top: cropStart(h, rows, recipe.centre), left: cropStart(w, columns, recipe.centre) },
    ...{ height: rows, width: columns },
  };
  const isResized = h !== H || w !== W;
  if (recipe.resizeFloats && isResized) return resizedFloats({ image, width: W, size: [h, w], window, recipe, dtype });
  const axes = {
    vertical: { length: H, size: h, first: window.top, count: rows },
    horizontal: { length: W, size: w, first: window.left, count: columns },
  };
  const order = resizeOrder({ width: W, height: H }, { width: w, height: h });
  if (recipe.widthFirst && order[0] === "vertical") order.reverse();
  let x = image;
  if (W < rowLength && !order.includes("horizontal")) {
    x = resizeAxis(x, resizeCoefficients(W, W, "nearest"), { axis: "horizontal" }); // leaves the rest out
  }
  const passes = order.map((axis) => passOf(axes[axis], recipe.resample));
  const read = order[0] === "horizontal" && passes[1] ? rowsRead(passes[1]) : undefined;
  for (const [i, axis] of order.entries()) {
    const pass = passes[i] as ResizeCoefficients;
    if (axis === "horizontal") x = resizeAxis(x, pass, { axis, rows: read });
    else x = resizeAxis(x, { ...pass, starts: pass.starts.map((start) => start - (read?.[0] ?? 0)) }, { axis });
    axes[axis].first = Math.min(0, axes[axis].first); // what lies before the window was not made
  }
  const { rescale: scale, mean, std, pad } = recipe;
  const fill = recipe.fill?.map(roundHalfToEven) as unknown as Rgb | undefined;
  const values = { scale, mean, std, dtype, ...(fill && { fill }), ...(pad && { kept: [rows, columns] as const }) };
  const [height, padded] = pad ?? [rows, columns];
  const [top, left] = [axes.vertical.first, axes.horizontal.first];
  return ops.normalizeImage({ image: x }, { top, left, height, width: padded, ...values });
}

interface FloatResize {
  readonly image: Value;
  readonly width: number;
  readonly size: Size;
  readonly window: InterpolateWindow;
  readonly recipe: Preprocessing;
  readonly dtype: "f32" | "f16";
}

/**
 * Rescale, resize, crop, normalise. Weights of a resize sum to 1, so that the division by the deviation comes first,
 * and the mean too where no border of zeros is to be normalised with the rest.
 */
function resizedFloats({ image, width, size, window, recipe, dtype }: FloatResize): Value {
  const { rescale: scale, mean, std, resample } = recipe;
  const hasBorder = window.height > size[0] || window.width > size[1];
  const x = ops.normalizeImage({ image }, { width, scale, mean: hasBorder ? [0, 0, 0] : mean, std, dtype });
  const mode = resample === "bicubic" ? "bicubic" : "bilinear";
  const resized = ops.interpolate({ x }, { size, mode, antialias: true, ...(recipe.crop && { window }) });
  if (!hasBorder) return resized;
  const means = mean.map((value, i) => value / (std[i] ?? 1));
  const data = dtype === "f16" ? toHalfArray(means) : Float32Array.from(means);
  return ops.binary({ a: resized, b: image.graph.constant({ dtype, shape: [3] }, data) }, { op: "sub" });
}

/** An axis of the resized picture, and the part of it that the crop keeps: from `first`, which may be before it. */
interface Window {
  /** Before it was resized. */
  readonly length: number;
  readonly size: number;
  readonly first: number;
  readonly count: number;
}

/** One pass of Pillow's resize, of what the crop keeps: a picture of 3000 x 2 would become one of 336,000 x 224. */
function passOf({ length, size, first, count }: Window, filter: ResizeFilter): ResizeCoefficients {
  return resizeCoefficients(length, size, filter, [Math.max(0, first), Math.min(size, first + count)]);
}

/** The rows that a vertical pass reads, so that a horizontal one before it makes no others. */
function rowsRead({ starts, taps }: ResizeCoefficients): readonly [begin: number, end: number] {
  return [starts[0] ?? 0, (starts.at(-1) ?? 0) + taps];
}

function resizeAxis(image: Value, { starts, weights, taps }: ResizeCoefficients, params: ResizeParams): Value {
  const { graph } = image;
  return ops.resize(
    {
      image,
      starts: graph.constant({ dtype: "i32", shape: [starts.length] }, starts),
      weights: graph.constant({ dtype: "i32", shape: [starts.length, taps] }, weights),
    },
    params,
  );
}
