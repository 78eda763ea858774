// How pictures are brought to SAM's square: transformers' SamImageProcessor, or what the original code does, which is
// the same (facebookresearch/segment-anything: utils/transforms.py, modeling/sam.py).
import { CheckpointError } from "../../device/errors.ts";
import type { ModelFiles } from "../family.ts";
import { processorRecipe } from "../preprocess/processorConfig.ts";
import type { Preprocessing } from "../preprocess/recipe.ts";
import type { SamConfig } from "./config.ts";

/**
 * What the files say, at the model's size where they say nothing.
 *
 * @throws CheckpointError for settings that do not end in the model's square, or that are not known
 */
export function samRecipe({ config, processor }: ModelFiles, { image_size: side }: SamConfig): Preprocessing {
  const unsaid = { size: { longest_edge: side }, pad_size: { height: side, width: side } };
  const from = processor ?? { file: "config.json", json: unsaid };
  const recipe = processorRecipe(from, config, "SamImageProcessor");
  const { resize, crop, pad } = recipe;
  const longest = typeof resize === "object" && "longest" in resize ? resize.longest : Number.POSITIVE_INFINITY;
  if (!crop && longest <= side && pad?.every((edge) => edge === side)) return recipe;
  throw new CheckpointError(
    `${from.file}: Sam pads pictures to the model's ${side} x ${side}: expected do_pad with a pad_size of that, ` +
      `do_resize with a longest_edge of at most ${side}, and no do_center_crop; got ${JSON.stringify(from.json)}`,
  );
}
