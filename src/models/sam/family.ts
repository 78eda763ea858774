// The families of SAM: the original with a plain ViT (and SlimSAM), and MobileSAM; under transformers' names or the
// original ones, which come without a config.json.

import { noise, pixelsExample } from "../exampleInputs.ts";
import type { Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import type { Part } from "../part.ts";
import type { SamConfig } from "./config.ts";
import { hasOriginalSamNames, hasTinyVit, samNaming } from "./names.ts";
import { decoderPart, type EncoderSettings, encoderPart, sceneSpecs } from "./parts.ts";
import { pointTokens } from "./prompts.ts";

/** Names of tensors that checkpoints hold beside the model. */
const BESIDE: readonly RegExp[] = [
  /^(prompt_encoder\.)?shared_(image_)?embedding\.positional_embedding$/, // one matrix under the names of two modules
  /^pixel_(mean|std)$/, // segment-anything's buffers, which are those of the processor
  /^image_encoder\.(norm_head|head)\./, // MobileSAM: TinyViT's classifier
  /\.attention_bias_idxs$/, // TinyViT: which bias is of which pair, a buffer
];

/** What a checkpoint of SAM's files say. */
export interface SamModel extends FamilyModel {
  readonly config: SamConfig;
  /** The part that encodes a picture. */
  encoder(settings: Omit<EncoderSettings, "config">): Part<"pixels">;
}

/** SAM with a plain ViT: B, L, H, SlimSAM. */
const samVit: Family<SamModel> = {
  name: "sam-vit",
  title: "SAM with a Vision Transformer",
  modelClass: "Sam",
  modelTypes: ["sam"],
  beside: BESIDE,
  recognizes: (files) => isSam(files) && !hasTinyVit(files),
  read: readSam,
};

/** MobileSAM: SAM with TinyViT. */
const mobileSam: Family<SamModel> = {
  name: "mobile-sam",
  title: "MobileSAM, with TinyViT",
  modelClass: "Sam",
  modelTypes: [],
  beside: BESIDE,
  recognizes: (files) => isSam(files) && hasTinyVit(files),
  read: readSam,
};

/** In the order in which they are tried. */
export const SAM_FAMILIES: readonly Family<SamModel>[] = [samVit, mobileSam];

function isSam(files: ModelFiles): boolean {
  return (files.config as { model_type?: unknown } | undefined)?.model_type === "sam" || hasOriginalSamNames(files);
}

async function readSam(files: ModelFiles): Promise<SamModel> {
  const original = hasOriginalSamNames(files) ? await import("./original.ts") : undefined;
  const { samConfig, samRecipe } = await import("./readConfig.ts");
  const config =
    original && files.config === undefined ? original.originalSamConfig(files) : samConfig(files.config ?? {});
  const naming = original ? original.originalSamNaming(files) : samNaming(files);
  const recipe = samRecipe(files, config);
  const encode = hasTinyVit(files) ? (await import("./tinyVit.ts")).tinyVitPart : encoderPart;
  const encoder: SamModel["encoder"] = (settings) => encode({ ...settings, config });
  return {
    ...{ config, naming, recipe, encoder },
    firstParts: (dtype) => [encoder({ dtype, isBound: true })],
    otherParts: (dtype) => [decoderPart({ config, dtype, P: 1, T: 7, hasMask: true, from: "embedding" })],
    examples: (dtype) => ({
      encoder: pixelsExample(encoder({ dtype })),
      decoder: pointExample(config, dtype),
    }),
  };
}

/** One point anywhere in the padded square. */
function pointExample(config: SamConfig, dtype: FloatType) {
  const T = pointTokens(config, [0, 0]).labels.length;
  const scene = sceneSpecs({ config, dtype });
  const part = decoderPart({ config, dtype, P: 1, T, hasMask: false, from: "scene" });
  const ofScene = Object.entries(part.inputs).filter(([name]) => name in scene);
  const inputs = (random: () => number) => {
    const values = ofScene.map(([name, { shape }]) => [
      name,
      noise(
        shape.reduce((a, b) => a * b),
        random,
        dtype,
      ),
    ]);
    const point = [random() * config.image_size, random() * config.image_size] as const;
    return { ...Object.fromEntries(values), ...pointTokens(config, point) };
  };
  return { part, inputs };
}
