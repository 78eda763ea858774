// The families of DINO: Vision Transformers (DINO, DINOv2, DINOv3) and ResNets; in transformers' files, Facebook's,
// timm's or torchvision's.

import { pixelsExample } from "../exampleInputs.ts";
import type { Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import type { Part } from "../part.ts";
import { preprocessing, timmPreprocessing } from "../preprocess/processorConfig.ts";
import { outputSize, type Preprocessing, type Size } from "../preprocess/recipe.ts";
import type { ResnetConfig } from "../resnet/config.ts";
import { isResnet } from "../resnet/isResnet.ts";
import { DINO_TYPES, type DinoConfig } from "./config.ts";
import { type DinoRequest, TOKENS_ONLY, vitPart } from "./parts.ts";

/** A ViT's config, or a ResNet's. */
export type AnyDinoConfig = DinoConfig | ResnetConfig;

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
  recognizes: (files) => {
    const type = modelType(files);
    return type === undefined ? hasFacebookNames(files) : DINO_TYPES.some((known) => known === type);
  },
  read: async (files) => {
    const isNamed = modelType(files) !== undefined;
    const config = isNamed
      ? (await import("./readConfig.ts")).dinoConfig(files.config)
      : (await import("./tensors.ts")).dinoConfigOf(files);
    const { dinoNaming } = await import("./names.ts");
    const naming = await dinoNaming(files);
    const recipe = recipeOf(files, config.image_size, isNamed);
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
  recognizes: (files) => [undefined, "resnet"].includes(modelType(files)) && isResnet(files),
  read: async (files) => {
    const { resnetConfig, resnetNaming, resnetPart } = await import("./resnet.ts");
    const config = resnetConfig(files.config, files);
    const recipe = recipeOf(files, 224, modelType(files) !== undefined);
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
  return type === undefined ? undefined : String(type);
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/** preprocessor_config.json's; what that leaves out is as timm's config.json says, or as transformers resizes. */
function recipeOf({ config, processor }: ModelFiles, side: number, isTransformers: boolean): Preprocessing {
  const defaults: Preprocessing = {
    resize: [side, side],
    resample: "bicubic",
    rescale: 1 / 255,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
  };
  return preprocessing(processor, isTransformers ? defaults : timmPreprocessing(config, defaults));
}

function dinoModel(
  files: Pick<DinoModel, "naming" | "recipe"> & { readonly config: AnyDinoConfig },
  image: DinoModel["image"],
): DinoModel {
  const first = (dtype: FloatType) => image(1, outputSize(files.recipe, [1, 1]), dtype);
  return {
    ...files,
    image,
    firstParts: (dtype) => [first(dtype)],
    examples: (dtype) => ({ image: pixelsExample(first(dtype)) }),
  };
}
