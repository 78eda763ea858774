// The families of DINO: Vision Transformers (DINO, DINOv2, DINOv3) and ResNets; in transformers' files, Facebook's,
// timm's or torchvision's.

import { example } from "../example.ts";
import type { Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import type { Part } from "../part.ts";
import { outputSize, type Preprocessing, type Size } from "../preprocess/recipe.ts";
import type { ResnetConfig } from "../resnet/config.ts";
import { isResnet } from "../resnet/isResnet.ts";
import { DINO_TYPES, type DinoConfig } from "./config.ts";
import { type DinoRequest, TOKENS_ONLY, vitPart } from "./parts.ts";

/** A ViT's config, or a ResNet's. */
export type AnyDinoConfig = DinoConfig | ResnetConfig;

/** Names of tensors that checkpoints hold beside the model. */
const BESIDE: readonly RegExp[] = [
  /^(heads?|head_dist|fc|fc_norm|classifier|lm_head|linear(_head)?)\./, // classifiers', and DINO's own
  /^(dino_head|ibot_head|projection_head|prototypes|projectors)\./, // of training: DINOv2, SwAV, distilled DINOv3
  /^(embeddings\.)?mask_token$/, // stands for patches that training hides
  /^pooler\./, // ViTModel's, which DINO was not trained with
  /^decoder\./, // of masked image modelling
  /^rope_embed\.periods$|\.qkv\.bias_mask$/, // DINOv3's buffers, which its config says too
  /^local_cls_norm\./, // DINOv3's largest: the class token of small crops, in training
];

/** What a checkpoint of DINO's files say. */
export interface DinoModel extends FamilyModel {
  readonly config: AnyDinoConfig;
  /** The part that computes features of pictures as the tower sees them. */
  image(batch: number, size: Size, dtype: FloatType, request?: DinoRequest): Part<"pixels">;
}

/** DINO, DINOv2 and DINOv3 with a Vision Transformer. */
const dinoVit: Family<DinoModel> = {
  name: "dino-vit",
  title: "DINO with a Vision Transformer",
  modelClass: "Dino",
  modelTypes: DINO_TYPES,
  beside: BESIDE,
  recognizes: (files) => {
    const type = modelType(files);
    return type === undefined ? hasFacebookNames(files) : DINO_TYPES.some((known) => known === type);
  },
  read: async (files) => {
    const config =
      modelType(files) === undefined
        ? (await import("./tensors.ts")).dinoConfigOf(files)
        : (await import("./readConfig.ts")).dinoConfig(files.config);
    const { dinoNaming } = await import("./names.ts");
    const naming = await dinoNaming(files);
    const recipe = await recipeOf(files, config.image_size);
    return dinoModel({ config, naming, recipe }, (batch, size, dtype, request = TOKENS_ONLY) => {
      return vitPart({ config, batch, size, dtype, request });
    });
  },
};

/** DINO with a ResNet. */
const dinoResnet: Family<DinoModel> = {
  name: "dino-resnet",
  title: "DINO with a ResNet",
  modelClass: "Dino",
  modelTypes: ["resnet"],
  beside: BESIDE,
  recognizes: (files) => [undefined, "resnet"].includes(modelType(files)) && isResnet(files),
  read: async (files) => {
    const { resnetConfig, resnetNaming, resnetPart } = await import("./resnet.ts");
    const config = resnetConfig(files.config, files);
    const recipe = await recipeOf(files, 224);
    return dinoModel({ config, naming: resnetNaming(files), recipe }, (batch, size, dtype) => {
      return resnetPart({ config, batch, size, dtype });
    });
  },
};

/** In the order in which they are tried. */
export const DINO_FAMILIES: readonly Family<DinoModel>[] = [dinoVit, dinoResnet];

function hasFacebookNames({ tensors }: ModelFiles): boolean {
  return tensors.has("patch_embed.proj.weight") && tensors.has("blocks.0.norm1.weight");
}

/** What config.json says; undefined where it does not, as timm's. */
function modelType({ config }: ModelFiles): string | undefined {
  const type = (config as { model_type?: unknown } | undefined)?.model_type;
  return typeof type === "string" || type === undefined ? type : "";
}

/** What transformers' processor makes of its files; or timm's own, which Facebook's are prepared by too. */
async function recipeOf(files: ModelFiles, side: number): Promise<Preprocessing> {
  const isTimm = modelType(files) === undefined && !files.processor;
  if (isTimm) return (await import("../preprocess/timm.ts")).timmRecipe(files.config, side);
  return (await import("./recipe.ts")).dinoRecipe(files, side);
}

/** The picture that a model is made for, where its recipe leaves pictures as they come. */
function squareOf(config: AnyDinoConfig): Size {
  const side = "image_size" in config ? config.image_size : 224;
  return [side, side];
}

function dinoModel(
  files: Pick<DinoModel, "naming" | "recipe"> & { readonly config: AnyDinoConfig },
  image: DinoModel["image"],
): DinoModel {
  const first = (dtype: FloatType) => image(1, outputSize(files.recipe, squareOf(files.config)), dtype);
  return {
    ...files,
    image,
    firstParts: (dtype) => [first(dtype)],
    examples: (dtype) => ({ image: example(first(dtype)) }),
  };
}
