// How pictures are brought to DINO in the files of transformers.
import type { ModelFiles } from "../family.ts";
import { processorRecipe } from "../preprocess/processorConfig.ts";
import type { Preprocessing } from "../preprocess/recipe.ts";

/** Where the files say nothing of pictures: all of it, normalised as DINO's authors do. */
const UNSAID = {
  image_processor_type: "ViTImageProcessor",
  resample: 3,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
};

/** What the files say, at the model's size where they say nothing; throws CheckpointError for what is not known. */
export function dinoRecipe({ config, processor }: ModelFiles, side: number): Preprocessing {
  const unsaid = { file: "config.json", json: { ...UNSAID, size: { height: side, width: side } } };
  return processorRecipe(processor ?? unsaid, config);
}
