// The families of SAM: the original with a plain ViT (and SlimSAM), MobileSAM, SAM 2 and EdgeTAM; under transformers'
// names or the original ones, which come without a config.json.

import type { Family, ModelFiles } from "../family.ts";
import { sam2 } from "../sam2/family.ts";
import { type SamModel, samModel } from "./model.ts";
import { hasOriginalSamNames, hasTinyVit, samNaming } from "./names.ts";
import { decoderPart, encoderPart, sceneSpecs } from "./parts.ts";

export type { SamModel } from "./model.ts";

/** SAM with a plain ViT: B, L, H, SlimSAM. */
const samVit: Family<SamModel> = {
  name: "sam-vit",
  title: "SAM with a Vision Transformer",
  modelClass: "Sam",
  modelTypes: ["sam"],
  recognizes: (files) => isSam(files) && !hasTinyVit(files),
  read: readSam,
};

/** MobileSAM: SAM with TinyViT. */
const mobileSam: Family<SamModel> = {
  name: "mobile-sam",
  title: "MobileSAM, with TinyViT",
  modelClass: "Sam",
  modelTypes: [],
  recognizes: (files) => isSam(files) && hasTinyVit(files),
  read: readSam,
};

/** In the order in which they are tried. */
export const SAM_FAMILIES: readonly Family<SamModel>[] = [samVit, mobileSam, sam2];

function isSam(files: ModelFiles): boolean {
  return (files.config as { model_type?: unknown } | undefined)?.model_type === "sam" || hasOriginalSamNames(files);
}

async function readSam(files: ModelFiles): Promise<SamModel> {
  const original = hasOriginalSamNames(files) ? await import("./original.ts") : undefined;
  const { BESIDE, samConfig, samRecipe } = await import("./readConfig.ts");
  const config =
    original && files.config === undefined ? original.originalSamConfig(files) : samConfig(files.config ?? {});
  const naming = original ? original.originalSamNaming(files) : samNaming(files);
  const recipe = samRecipe(files, config);
  const encoder = hasTinyVit(files) ? (await import("./tinyVit.ts")).tinyVitPart : encoderPart;
  const parts = { encoder, scene: sceneSpecs, decoder: decoderPart };
  return samModel({ config, parts, naming, recipe, beside: BESIDE, maskSquare: config.image_size });
}
