// The families of CLIP: an image tower that is a Vision Transformer or a ResNet, beside the text tower; in the files of
// transformers, OpenAI or open_clip.
import { CheckpointError } from "../../device/errors.ts";
import { pixelsExample } from "../exampleInputs.ts";
import type { Example, Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import { outputSize, type Preprocessing } from "../preprocess/recipe.ts";
import type { Naming } from "../weights.ts";
import { type ClipConfig, type ClipTextConfig, clipConfig, openClipConfig } from "./config.ts";
import { clipNaming } from "./names.ts";
import { imagePart, textPart } from "./parts.ts";

const MODEL_TYPES = ["clip", "clip_vision_model", "clip_text_model"];
const SETTINGS = ["open_clip_config.json"];

/** What a checkpoint of CLIP's files say. */
export interface ClipModel extends FamilyModel {
  readonly config: ClipConfig;
  /** Which towers have weights. */
  readonly has: { readonly image: boolean; readonly text: boolean };
}

/** CLIP with a Vision Transformer, of transformers, OpenAI or open_clip. */
const clipVit: Family<ClipModel> = {
  name: "clip-vit",
  title: "CLIP with a Vision Transformer",
  modelClass: "Clip",
  modelTypes: MODEL_TYPES,
  settings: SETTINGS,
  hasTokenizer: true,
  recognizes: (files) => isClip(files) && !hasResnet(files),
  read: readClip,
};

/** CLIP with a ResNet, of OpenAI or open_clip. */
const clipResnet: Family<ClipModel> = {
  name: "clip-resnet",
  title: "CLIP with a ResNet",
  modelClass: "Clip",
  modelTypes: [],
  settings: SETTINGS,
  hasTokenizer: true,
  recognizes: (files) => isClip(files) && hasResnet(files),
  read: readClip,
};

/** In the order in which they are tried. */
export const CLIP_FAMILIES: readonly Family<ClipModel>[] = [clipVit, clipResnet];

function isClip({ config, openClip, tensors }: ModelFiles): boolean {
  if (openClip !== undefined) return true;
  const type = (config as { model_type?: unknown } | undefined)?.model_type;
  if (type !== undefined) return MODEL_TYPES.includes(String(type));
  return tensors.has("text_model.embeddings.token_embedding.weight") || tensors.has("visual.conv1.weight");
}

function hasResnet({ openClip }: ModelFiles): boolean {
  const model = (openClip as { model_cfg?: { vision_cfg?: { layers?: unknown } } } | undefined)?.model_cfg;
  return Array.isArray(model?.vision_cfg?.layers);
}

async function readClip(files: ModelFiles): Promise<ClipModel> {
  const { config: json, openClip, name } = files;
  if (json === undefined && openClip === undefined) {
    throw new CheckpointError(`${name} has no config.json and no open_clip_config.json: is it a CLIP checkpoint?`);
  }
  const config = openClip === undefined ? clipConfig(json) : openClipConfig(openClip);
  const naming = clipNaming(files);
  const recipe = await recipeOf(files, config);
  const has = towersOf(files, naming);
  const image = (dtype: FloatType) =>
    imagePart({ vision: config.vision, batch: 1, size: outputSize(recipe, [1, 1]), dtype });
  const firstText = () => {
    return textPart({ text: config.text, batch: 1, tokens: Math.min(8, config.text.max_position_embeddings) });
  };
  return {
    ...{ config, naming, recipe, has },
    firstParts: (dtype) => [...(has.image ? [image(dtype)] : []), ...(has.text ? [firstText()] : [])],
    examples: (dtype) => ({
      ...(has.image && { image: pixelsExample(image(dtype)) }),
      ...(has.text && { text: textExample(config.text) }),
    }),
  };
}

/** What transformers' processor makes of its files, at the model's size where there are none; or open_clip's own. */
async function recipeOf(files: ModelFiles, { vision: { image_size } }: ClipConfig): Promise<Preprocessing> {
  if (files.openClip !== undefined) {
    const { openClipRecipe } = await import("../preprocess/openClip.ts");
    return openClipRecipe(files.openClip);
  }
  const { processorRecipe } = await import("../preprocess/processorConfig.ts");
  const json = { size: { shortest_edge: image_size }, crop_size: image_size };
  return processorRecipe(files.processor ?? { file: "config.json", json }, files.config, "CLIPImageProcessor");
}

function towersOf({ name, tensors }: ModelFiles, naming: Naming): ClipModel["has"] {
  const image = tensors.has(naming("vision_model.embeddings.patch_embedding.weight").name);
  const text = tensors.has(naming("text_model.embeddings.token_embedding.weight").name);
  if (image || text) return { image, text };
  throw new CheckpointError(`${name} has neither CLIP's image tower nor its text tower`);
}

/** A text of full length, of which half or more are words; after its end token comes more of the same. */
function textExample(text: ClipTextConfig): Example {
  const { max_position_embeddings: T, vocab_size } = text;
  return {
    part: textPart({ text, batch: 1, tokens: T }),
    inputs: (random) => {
      const length = Math.floor(T / 2 + (random() * T) / 2);
      const ids = new Int32Array(T).fill(vocab_size - 1);
      for (let i = 0; i < length - 1; i++) ids[i] = Math.floor(random() * (vocab_size - 2));
      ids[0] = vocab_size - 2;
      return { ids, end: Int32Array.of(length - 1) };
    },
  };
}
