// The families of CLIP: an image tower that is a Vision Transformer or a ResNet, beside the text tower; in the files of
// transformers, OpenAI or open_clip.

import { CheckpointError } from "../../device/errors.ts";
import { example } from "../example.ts";
import type { Example, Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import type { Part } from "../part.ts";
import { outputSize, type Preprocessing } from "../preprocess/recipe.ts";
import type { Naming } from "../weights.ts";
import { type ClipConfig, type ClipTextConfig, isClipResnet } from "./config.ts";
import { clipNaming, hasOpenaiNames } from "./names.ts";
import { type ImageSettings, imagePart, textPart } from "./parts.ts";

const MODEL_TYPES = ["clip", "clip_vision_model", "clip_text_model"];
const SETTINGS = ["open_clip_config.json"];

/** Names of tensors that checkpoints hold beside the model. */
const BESIDE: readonly RegExp[] = [
  /^logit_(scale|bias)$/, // read by Clip.similarity
  /^(input_resolution|context_length|vocab_size)$/, // OpenAI's own files: sizes
  /^classifier\./, // CLIPForImageClassification
];

/** What a checkpoint of CLIP's files say. */
export interface ClipModel extends FamilyModel {
  readonly config: ClipConfig;
  /** Which towers have weights. */
  readonly has: { readonly image: boolean; readonly text: boolean };
  /** The first projection that a tower which is there lacks: pictures and texts cannot be compared then. */
  readonly missingProjection?: string | undefined;
  /** The part that embeds pictures as the tower sees them. */
  image(settings: ImageSettings): Part<"pixels">;
}

/** CLIP with a Vision Transformer, of transformers, OpenAI or open_clip. */
const clipVit: Family<ClipModel> = {
  name: "clip-vit",
  title: "CLIP with a Vision Transformer",
  modelClass: "Clip",
  modelTypes: MODEL_TYPES,
  beside: BESIDE,
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
  beside: BESIDE,
  settings: SETTINGS,
  hasTokenizer: true,
  recognizes: (files) => isClip(files) && hasResnet(files),
  read: readClip,
};

/** In the order in which they are tried. */
export const CLIP_FAMILIES: readonly Family<ClipModel>[] = [clipVit, clipResnet];

function isClip(files: ModelFiles): boolean {
  const { config, openClip, tensors } = files;
  if (openClip !== undefined) return true;
  const type = (config as { model_type?: unknown } | undefined)?.model_type;
  if (type !== undefined) return MODEL_TYPES.includes(type as string);
  return tensors.has("text_model.embeddings.token_embedding.weight") || hasOpenaiNames(files);
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
  const config =
    openClip === undefined
      ? (await import("./readConfig.ts")).clipConfig(json)
      : (await import("./openClip.ts")).openClipConfig(openClip);
  const naming = await clipNaming(files);
  const recipe = await recipeOf(files, config);
  const has = towersOf(files, naming);
  const { image_size } = config.vision;
  // Of the picture that the model is made for, where its recipe leaves pictures as they come.
  const size = outputSize(recipe, [image_size, image_size]);
  const image = await imageOf(config.vision);
  const first = (dtype: FloatType) => image({ batch: 1, size, dtype });
  const firstText = () => {
    return textPart({ text: config.text, batch: 1, tokens: Math.min(8, config.text.max_position_embeddings) });
  };
  return {
    ...{ config, naming, recipe, has, image },
    missingProjection: missingProjection(files, naming, has, config),
    beside: otherTower(files, has),
    firstParts: (dtype) => [...(has.image ? [first(dtype)] : []), ...(has.text ? [firstText()] : [])],
    examples: (dtype) => ({
      ...(has.image && { image: example(first(dtype)) }),
      ...(has.text && { text: textExample(config.text) }),
    }),
  };
}

async function imageOf(vision: ClipConfig["vision"]): Promise<ClipModel["image"]> {
  if (!isClipResnet(vision)) return (settings) => imagePart({ ...settings, vision });
  const { resnetImagePart } = await import("./resnet.ts");
  return (settings) => resnetImagePart({ ...settings, vision });
}

/** What transformers' processor makes of its files, at the model's size where there are none; or open_clip's own. */
async function recipeOf(files: ModelFiles, { vision: { image_size } }: ClipConfig): Promise<Preprocessing> {
  if (files.openClip !== undefined) {
    const { openClipRecipe } = await import("../preprocess/openClip.ts");
    return openClipRecipe(files.openClip);
  }
  const { processorRecipe } = await import("./readConfig.ts");
  const json = { size: { shortest_edge: image_size }, crop_size: image_size };
  return processorRecipe(files.processor ?? { file: "config.json", json }, files.config, "CLIPImageProcessor");
}

/** Names of each tower's tensors, as transformers has them (first) and OpenAI, who keep the text tower at the top. */
const TOWERS = {
  image: [/^(vision_model|visual_projection)\./, /^visual\./],
  text: [/^(text_model|text_projection)\./, /^(?!visual\.)/],
} as const;

/** The towers that have weights, but for one that a config.json of the other alone leaves out. */
function towersOf({ name, tensors, config }: ModelFiles, naming: Naming): ClipModel["has"] {
  const type = (config as { model_type?: unknown } | undefined)?.model_type;
  const has = (tensor: string) => tensors.has(naming(`${tensor}_embedding.weight`).name);
  const image = type !== "clip_text_model" && has("vision_model.embeddings.patch");
  const text = type !== "clip_vision_model" && has("text_model.embeddings.token");
  if (image || text) return { image, text };
  const names = [...tensors.keys()].slice(0, 3).map((tensor) => `"${tensor}"`);
  throw new CheckpointError(`${name} has neither CLIP's image tower nor its text tower: it begins with ${names}`);
}

/** Names of the tower that is not there or not read: what is left of it is beside the other. */
function otherTower(files: ModelFiles, has: ClipModel["has"]): readonly RegExp[] {
  const index = hasOpenaiNames(files) ? 1 : 0;
  return [...(has.image ? [] : [TOWERS.image[index]]), ...(has.text ? [] : [TOWERS.text[index]])];
}

function missingProjection(
  { tensors }: ModelFiles,
  naming: Naming,
  has: ClipModel["has"],
  { vision, text }: ClipConfig,
): string | undefined {
  const needed = [
    ...(has.image && !isClipResnet(vision) ? ["visual_projection"] : []),
    ...(has.text && text.proj_type !== "none" ? ["text_projection"] : []),
  ];
  return needed.find((name) => !tensors.has(naming(`${name}.weight`).name));
}

/** A text of full length. */
function textExample(text: ClipTextConfig): Example {
  const { max_position_embeddings: tokens } = text;
  return {
    part: textPart({ text, batch: 1, tokens }),
    inputs: async (random) => (await import("./exampleTokens.ts")).exampleTokens(text, random),
  };
}
