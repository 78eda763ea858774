// The recipe of open_clip_config.json, as open_clip's factory.py and transform.py make it (mlfoundations/open_clip).
import type { Json } from "../fields.ts";
import type { Preprocessing, Size } from "./recipe.ts";
import { oneOf, positiveRgb, refuse, refuseUnknown, rgb, section, squareOrSize } from "./settings.ts";

// PreprocessCfg's fields. `size` is read by nothing: the model's image_size takes its place (factory.py).
const KNOWN = new Set(["size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"]);

const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];

/**
 * Reads preprocess_cfg, and the size of model_cfg's vision_cfg.
 *
 * @throws CheckpointError for a key or value that open_clip does not know, named with the file
 */
export function openClipRecipe(json: unknown): Preprocessing {
  const file = "open_clip_config.json";
  const { model_cfg, preprocess_cfg } = section(json, file);
  const { vision_cfg } = section(model_cfg ?? {}, `${file}: model_cfg`);
  const { image_size } = section(vision_cfg ?? {}, `${file}: vision_cfg`);
  const cfg = section(preprocess_cfg ?? {}, `${file}: preprocess_cfg`);
  refuseUnknown(cfg, KNOWN, `${file}: preprocess_cfg`, "open_clip");
  if (cfg.mode != null && cfg.mode !== "RGB") refuse(`${file}: mode`, cfg.mode, '"RGB"');
  const interpolation = oneOf(
    cfg.interpolation || "bicubic",
    ["bicubic", "bilinear", "random"],
    `${file}: interpolation`,
  );
  return {
    resample: interpolation === "random" ? "bicubic" : interpolation, // which is for training
    rescale: 1 / 255,
    mean: rgb(cfg.mean || MEAN, `${file}: mean`),
    std: positiveRgb(cfg.std || STD, `${file}: std`),
    ...shape(cfg, squareOrSize(image_size ?? 224, `${file}: image_size`), file),
  };
}

/** image_transform() for inference. */
function shape(cfg: Json, size: Size, file: string): Partial<Preprocessing> {
  const crop = { crop: size, centre: "halfToEven" } as const;
  switch (oneOf(cfg.resize_mode || "shortest", ["shortest", "longest", "squash"], `${file}: resize_mode`)) {
    case "squash":
      return { resize: size };
    case "longest":
      return { resize: { contained: size }, ...crop, fill: rgb(cfg.fill_color ?? 0, `${file}: fill_color`) };
    case "shortest":
      // For what is no square it always takes bicubic.
      return size[0] === size[1]
        ? { resize: size[0], ...crop }
        : { resize: { covers: size }, resample: "bicubic", ...crop };
  }
}
