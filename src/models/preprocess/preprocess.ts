// From a picture's bytes to what a model takes, on the GPU: Pillow's resize of 8-bit values, crop, rescale, normalise.
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { type ResizeAxis, type ResizeFilter, resizeCoefficients, resizeOrder } from "../../kernels/resize.ts";
import { definePart } from "../part.ts";
import { type Preprocessing, resizedSize } from "./recipe.ts";

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
  if (recipe.resizeFloats) {
    // Weights of a resize sum to 1, so that normalising may come first.
    const { rescale: scale, mean, std } = recipe;
    const x = ops.normalizeImage({ image }, { width: W, scale, mean, std, dtype });
    return H === h && W === w ? x : ops.interpolate({ x }, { size: [h, w], mode: "bilinear", antialias: true });
  }
  const [rows, columns] = recipe.crop ?? [h, w];
  const axes = {
    vertical: { length: H, size: h, first: Math.floor((h - rows) / 2), count: rows },
    horizontal: { length: W, size: w, first: Math.floor((w - columns) / 2), count: columns },
  };
  const order = resizeOrder({ width: W, height: H }, { width: w, height: h });
  let x = image;
  if (W < rowLength && !order.includes("horizontal")) {
    x = resizeAxis(x, "horizontal", { length: W, size: W, first: 0, count: W }, "nearest"); // leaves the rest out
  }
  for (const axis of order) {
    x = resizeAxis(x, axis, axes[axis], recipe.resample);
    axes[axis].first = Math.min(0, axes[axis].first); // what lies before the window was not made
  }
  const [top, left] = [axes.vertical.first, axes.horizontal.first];
  const { rescale: scale, mean, std } = recipe;
  const values = { scale, mean, std, dtype };
  if (recipe.pad)
    return ops.normalizeImage({ image: x }, { height: recipe.pad[0], width: recipe.pad[1], padAfter: true, ...values });
  return ops.normalizeImage({ image: x }, { top, left, height: rows, width: columns, ...values });
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
function resizeAxis(image: Value, axis: ResizeAxis, window: Window, filter: ResizeFilter): Value {
  const { length, size, first, count } = window;
  const [begin, end] = [Math.max(0, first), Math.min(size, first + count)];
  const { starts, weights, taps } = resizeCoefficients(length, size, filter, [begin, end]);
  const { graph } = image;
  return ops.resize(
    {
      image,
      starts: graph.constant({ dtype: "i32", shape: [end - begin] }, starts),
      weights: graph.constant({ dtype: "i32", shape: [end - begin, taps] }, weights),
    },
    { axis },
  );
}
