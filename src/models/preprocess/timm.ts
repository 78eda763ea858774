// The recipe of a config.json of timm, as its data/config.py and data/transforms_factory.py make it
// (huggingface/pytorch-image-models): resolve_data_config, then transforms_imagenet_eval.
import type { ResizeFilter } from "../../kernels/resize.ts";
import type { Preprocessing, Size } from "./recipe.ts";
import { edge, oneOf, positive, positiveRgb, refuse, refuseUnknown, rgb, section } from "./settings.ts";

const FILE = "config.json";
const FILTERS: readonly ResizeFilter[] = ["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"];

// PretrainedCfg's fields (models/_pretrained.py). Those from `test_input_size` on say nothing of a picture: they are of
// a larger size that is only taken when asked for, of where weights are from, of the head, and of what people read.
const KNOWN = new Set([
  ...["input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std"],
  ...["test_input_size", "test_crop_pct", "test_pool_size", "min_input_size", "fixed_input_size", "pool_size"],
  ...["url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source", "architecture", "tag", "custom_load"],
  ...["num_classes", "label_offset", "label_names", "label_descriptions", "first_conv", "classifier"],
  ...["license", "description", "origin_url", "paper_name", "paper_ids", "notes"],
]);

// Beside them in files of one level, as the first ones were, and in those of two.
const TOP_LEVEL = new Set([...KNOWN, "num_features", "labels", "global_pool", "model_args", "pretrained_cfg"]);

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/**
 * Reads pretrained_cfg, or the same keys at the top of the file. What has no config.json, as Facebook's checkpoints,
 * is prepared by timm's defaults, which are Facebook's too (facebookresearch/dino: eval_knn.py). `side` is the model's,
 * for files that do not say an input_size.
 *
 * @throws CheckpointError for a key or value that timm does not know, named with the file
 */
export function timmRecipe(json: unknown, side: number): Preprocessing {
  const top = section(json ?? {}, FILE);
  const isNested = top.pretrained_cfg != null;
  const cfg = isNested ? section(top.pretrained_cfg, `${FILE}: pretrained_cfg`) : top;
  refuseUnknown(cfg, isNested ? KNOWN : TOP_LEVEL, isNested ? `${FILE}: pretrained_cfg` : FILE, "timm");
  const [height, width] = inputSize(cfg.input_size ?? [3, side, side]);
  const part = cfg.crop_pct ? positive(cfg.crop_pct, `${FILE}: crop_pct`) : 0.875;
  const scaled = [height, width].map((length) => edge(Math.floor(length / part), `${FILE}: input_size over crop_pct`));
  const mean = rgb(cfg.mean || MEAN, `${FILE}: mean`);
  const [r, g, b] = mean;
  const mode = oneOf(cfg.crop_mode || "center", ["center", "squash", "border"], `${FILE}: crop_mode`);
  return {
    resample: oneOf(cfg.interpolation || "bicubic", FILTERS, `${FILE}: interpolation`),
    rescale: 1 / 255,
    mean,
    std: positiveRgb(cfg.std || STD, `${FILE}: std`),
    ...{ resize: resizeOf(mode, scaled as unknown as Size), crop: [height, width], centre: "halfToEven" },
    ...(mode === "border" && { fill: [255 * r, 255 * g, 255 * b] as const }),
  };
}

function inputSize(value: unknown): Size {
  const what = `${FILE}: input_size`;
  const [channels, height, width] = Array.isArray(value) && value.length === 3 ? value : [];
  if (channels !== 3) return refuse(what, value, "[3, height, width]");
  return [edge(height, what), edge(width, what)];
}

function resizeOf(mode: "center" | "squash" | "border", size: Size): Preprocessing["resize"] {
  if (mode === "squash") return size;
  if (mode === "border") return { contained: size };
  return size[0] === size[1] ? size[0] : { covers: size };
}
