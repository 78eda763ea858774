// From a picture's bytes to what a model takes, on the GPU: Pillow's resize of 8-bit values, crop, rescale, normalise.
// The recipe is read from preprocessor_config.json (transformers: image_processing_clip.py and its kin).
import { CheckpointError } from "../../device/errors.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import type { Rgb } from "../../kernels/normalizeImage.ts";
import { type ResizeAxis, type ResizeFilter, resizeCoefficients, resizeOrder } from "../../kernels/resize.ts";

type Json = Readonly<Record<string, unknown>>;

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

export const OPENAI_CLIP_MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073];
export const OPENAI_CLIP_STD: Rgb = [0.26862954, 0.26130258, 0.27577711];

const FILE = "preprocessor_config.json";

// PIL.Image.Resampling by number.
const FILTERS: readonly ResizeFilter[] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/**
 * Reads preprocessor_config.json; what it leaves out is as in `defaults`. Old and new styles of `size` are both read.
 */
export function preprocessing(json: unknown, defaults: Preprocessing): Preprocessing {
  if (json === undefined) return defaults;
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new CheckpointError(`${FILE} must be a JSON object`);
  }
  const config = json as Json;
  const resample = config.resample ?? FILTERS.indexOf(defaults.resample);
  const filter = FILTERS[resample as number];
  if (!filter) throw new CheckpointError(`${FILE}: resample is ${resample}, expected 0 to 5`);
  const resize = config.do_resize === false ? undefined : (sizeOf(config.size, "size") ?? defaults.resize);
  const crop =
    config.do_center_crop === false ? undefined : (pair(sizeOf(config.crop_size, "crop_size")) ?? defaults.crop);
  const isNormalized = config.do_normalize !== false;
  return {
    ...(String(config.image_processor_type).startsWith("DINOv3") && { resizeFloats: true }),
    ...(resize !== undefined && { resize }),
    resample: filter,
    ...(crop && { crop }),
    rescale: config.do_rescale === false ? 1 : positive(config.rescale_factor ?? defaults.rescale, "rescale_factor"),
    mean: isNormalized ? rgb(config.image_mean ?? defaults.mean, `${FILE}: image_mean`) : [0, 0, 0],
    std: isNormalized ? positiveRgb(config.image_std ?? defaults.std, `${FILE}: image_std`) : [1, 1, 1],
  };
}

/** Reads preprocess_cfg of open_clip_config.json (mlfoundations/open_clip: src/open_clip/transform.py). */
export function openClipPreprocessing(json: unknown, defaults: Preprocessing): Preprocessing {
  const file = "open_clip_config.json";
  const { preprocess_cfg } = json as Json;
  const { mean, std, interpolation, resize_mode } = (preprocess_cfg ?? {}) as Json;
  if (!["bicubic", "bilinear", undefined].includes(interpolation as string)) {
    throw new CheckpointError(`${file}: interpolation is "${interpolation}", expected bicubic or bilinear`);
  }
  if (!["shortest", "squash", undefined].includes(resize_mode as string)) {
    throw new CheckpointError(`${file}: resize_mode is "${resize_mode}", expected shortest or squash`);
  }
  return {
    ...defaults,
    ...(interpolation !== undefined && { resample: interpolation as ResizeFilter }),
    ...(resize_mode === "squash" && { resize: defaults.crop }),
    mean: rgb(mean ?? defaults.mean, `${file}: mean`),
    std: positiveRgb(std ?? defaults.std, `${file}: std`),
  };
}

/**
 * Reads pretrained_cfg of a timm config.json (huggingface/pytorch-image-models: timm/data/transforms_factory.py): the
 * shortest edge comes to the input's side over crop_pct, then the centre is cropped.
 */
export function timmPreprocessing(json: unknown, defaults: Preprocessing): Preprocessing {
  const file = "config.json";
  const config = ((json ?? {}) as Json).pretrained_cfg as Json | undefined;
  const { mean, std, interpolation = "bicubic", crop_pct = 0.875, input_size } = config ?? {};
  const filter = FILTERS.find((name) => name === interpolation);
  if (!filter)
    throw new CheckpointError(`${file}: interpolation is "${interpolation}", expected ${FILTERS.join(", ")}`);
  const wanted = Array.isArray(input_size) ? input_size[1] : pair(defaults.resize)?.[0];
  const side = whole(wanted, "input_size", file);
  return {
    ...defaults,
    resample: filter,
    resize: whole(Math.floor(side / positive(crop_pct, "crop_pct", file)), "crop_pct", file),
    crop: [side, side],
    mean: rgb(mean ?? defaults.mean, `${file}: mean`),
    std: positiveRgb(std ?? defaults.std, `${file}: std`),
  };
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
  const { starts, weights, taps } = resizeCoefficients(length, size, filter);
  const [begin, end] = [Math.max(0, first), Math.min(size, first + count)];
  const { graph } = image;
  return ops.resize(
    {
      image,
      starts: graph.constant({ dtype: "i32", shape: [end - begin] }, starts.slice(begin, end)),
      weights: graph.constant({ dtype: "i32", shape: [end - begin, taps] }, weights.slice(begin * taps, end * taps)),
    },
    { axis },
  );
}

/**
 * transformers' get_resize_output_image_size: the shortest edge gets the size, the other one is cut to a whole number.
 */
function resizedSize(resize: Preprocessing["resize"], [H, W]: readonly [number, number]): readonly [number, number] {
  if (resize === undefined) return [H, W];
  if (typeof resize !== "number") return resize;
  const long = Math.floor((resize * Math.max(H, W)) / Math.min(H, W));
  return H <= W ? [resize, long] : [long, resize];
}

function sizeOf(value: unknown, name: string): Preprocessing["resize"] {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number") return whole(value, name);
  const { shortest_edge, height, width } = value as Json;
  if (shortest_edge !== undefined) return whole(shortest_edge, name);
  if (height !== undefined && width !== undefined) return [whole(height, name), whole(width, name)];
  throw new CheckpointError(`${FILE}: ${name} is ${JSON.stringify(value)}, expected a size`);
}

function pair(size: Preprocessing["resize"]): readonly [number, number] | undefined {
  return typeof size === "number" ? [size, size] : size;
}

function whole(value: unknown, name: string, file = FILE): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 8192) return value;
  throw new CheckpointError(`${file}: ${name} is ${JSON.stringify(value)}, expected 1 to 8192`);
}

function positive(value: unknown, name: string, file = FILE): number {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw new CheckpointError(`${file}: ${name} is ${JSON.stringify(value)}, expected a positive number`);
}

function rgb(value: unknown, name: string): Rgb {
  const isRgb =
    Array.isArray(value) && value.length === 3 && value.every((n) => typeof n === "number" && Number.isFinite(n));
  if (isRgb) return value as unknown as Rgb;
  throw new CheckpointError(`${name} is ${JSON.stringify(value)}, expected three numbers`);
}

function positiveRgb(value: unknown, name: string): Rgb {
  const divisors = rgb(value, name);
  if (divisors.every((n) => n > 0)) return divisors;
  throw new CheckpointError(`${name} is ${JSON.stringify(value)}, expected three positive numbers`);
}
