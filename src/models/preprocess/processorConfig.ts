// Recipes of preprocessing from the files that publish them: transformers' preprocessor_config.json
// (image_processing_clip.py and its kin), open_clip_config.json, and timm's config.json.
import { CheckpointError } from "../../device/errors.ts";
import type { Rgb } from "../../kernels/normalizeImage.ts";
import type { ResizeFilter } from "../../kernels/resize.ts";
import type { Json } from "../fields.ts";
import type { Preprocessing } from "./recipe.ts";

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
