// What the files of a checkpoint of SAM 2 or EdgeTAM come to. Loaded with the first checkpoint.
import { CheckpointError } from "../../device/errors.ts";
import { edgeTamNaming, PERCEIVER } from "../edgetam/names.ts";
import { edgeTamConfig } from "../edgetam/readConfig.ts";
import type { ModelFiles } from "../family.ts";
import { processorRecipe } from "../preprocess/processorConfig.ts";
import type { Preprocessing } from "../preprocess/recipe.ts";
import type { SamConfig } from "../sam/config.ts";
import type { SamFiles } from "../sam/model.ts";
import { hasOriginalSam2Names } from "../sam/names.ts";
import { maskSizes } from "../sam/parts.ts";
import { BESIDE, OF_VIDEO, sam2Naming } from "./names.ts";
import { originalSam2Config, originalSam2Naming } from "./original.ts";
import { sam2DecoderPart, sam2EncoderPart, sam2SceneSpecs } from "./parts.ts";
import { sam2Config } from "./readConfig.ts";

const PARTS = { encoder: sam2EncoderPart, scene: sam2SceneSpecs, decoder: sam2DecoderPart };

/**
 * What the files say.
 *
 * @throws CheckpointError for absurd settings, or settings that are not known
 */
export function readSam2(files: ModelFiles): SamFiles {
  const settings = settingsOf(files);
  const recipe = sam2Recipe(files, settings.config);
  // Nothing is cut: masks go to the picture's size in one step.
  return {
    ...settings,
    parts: PARTS,
    recipe,
    beside: [...BESIDE, ...OF_VIDEO, PERCEIVER],
    maskSquare: maskSizes(settings.config).L,
  };
}

function settingsOf(files: ModelFiles): Pick<SamFiles, "config" | "naming" | "title"> {
  const { model_type } = (files.config ?? {}) as { readonly model_type?: unknown };
  if (typeof model_type === "string" && model_type.startsWith("edgetam")) {
    return { title: "EdgeTAM, with RepViT", config: edgeTamConfig(files.config), naming: edgeTamNaming };
  }
  const isOriginal = hasOriginalSam2Names(files);
  const config = isOriginal && files.config === undefined ? originalSam2Config(files) : sam2Config(files.config ?? {});
  return { config, naming: isOriginal ? originalSam2Naming : sam2Naming };
}

/**
 * How pictures are brought to the model's square, whatever their shape: transformers' Sam2ImageProcessor, or what the
 * original code does, which is the same (facebookresearch/sam2: sam2/utils/transforms.py).
 */
export function sam2Recipe({ config, processor }: ModelFiles, { image_size: side }: SamConfig): Preprocessing {
  const from = processor ?? { file: "config.json", json: { size: { height: side, width: side } } };
  const recipe = processorRecipe(from, config, "Sam2ImageProcessor");
  const { resize, crop, pad } = recipe;
  if (!crop && !pad && Array.isArray(resize) && resize.every((edge) => edge === side)) return recipe;
  throw new CheckpointError(
    `${from.file}: SAM 2 resizes pictures to the model's ${side} x ${side}: expected do_resize with a size of that, ` +
      `and neither do_center_crop nor do_pad; got ${JSON.stringify(from.json)}`,
  );
}
