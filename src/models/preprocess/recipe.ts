// How a picture is brought to what a model takes, as data: the settings of a processor's file, whoever wrote it.

import type { Rgb } from "../../kernels/normalizeImage.ts";
import type { ResizeFilter } from "../../kernels/resize.ts";

/** [height, width] in pixels. */
export type Size = readonly [height: number, width: number];

/** What is done to a picture, in this order; a step that is absent is not done. */
export interface Preprocessing {
  /** Resize floats after rescaling, not bytes (DINOv3): bilinear, with a filter that widens as the picture shrinks. */
  readonly resizeFloats?: boolean;
  /** Shortest edge, or exactly [height, width]. */
  readonly resize?: number | readonly [number, number];
  readonly resample: ResizeFilter;
  /** Centre crop [height, width]; zeros where the picture is smaller. */
  readonly crop?: readonly [number, number];
  /** Zeros to the right and below, after normalising, up to [height, width]. */
  readonly pad?: readonly [number, number];
  /** Factor from bytes to numbers, 1/255 as a rule. */
  readonly rescale: number;
  readonly mean: Rgb;
  readonly std: Rgb;
}

/** The same recipe ending in a square of another size. */
export function atSize(recipe: Preprocessing, size: number): Preprocessing {
  return { ...recipe, resize: Array.isArray(recipe.resize) ? [size, size] : size, crop: [size, size] };
}

/** Size of what a picture of [height, width] becomes. */
export function outputSize(
  { crop, pad, ...recipe }: Preprocessing,
  size: readonly [number, number],
): readonly [number, number] {
  return pad ?? crop ?? resizedSize(recipe.resize, size);
}

/**
 * transformers' get_resize_output_image_size: the shortest edge gets the size, the other one is cut to a whole number.
 */
export function resizedSize(
  resize: Preprocessing["resize"],
  [H, W]: readonly [number, number],
): readonly [number, number] {
  if (resize === undefined) return [H, W];
  if (typeof resize !== "number") return resize;
  const long = Math.floor((resize * Math.max(H, W)) / Math.min(H, W));
  return H <= W ? [resize, long] : [long, resize];
}
