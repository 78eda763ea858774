// What the files beside a DINO's weights say (transformers' config.json, timm's, or none), and what records it.
import type { Value } from "../../graph/graph.ts";
import type { Checkpoint } from "../../io/safetensors/checkpoint.ts";
import type { Source } from "../../io/source/source.ts";
import { type Preprocessing, preprocessing, timmPreprocessing } from "../preprocess/preprocess.ts";
import type { ResnetConfig } from "../resnet/config.ts";
import { isResnet } from "../resnet/isResnet.ts";
import type { Naming, Weights } from "../weights.ts";
import { type DinoConfig, dinoConfig } from "./config.ts";
import { dino } from "./model.ts";
import { dinoNaming } from "./names.ts";
import { dinoConfigOf } from "./tensors.ts";

/** A ViT's config, or a ResNet's. */
export type AnyDinoConfig = DinoConfig | ResnetConfig;

/** What the graph of a run is built from. */
export interface DinoRequest {
  readonly layers: readonly number[];
  readonly attentionOf: readonly number[];
  readonly interpolateOffset: number;
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/** Records the model on pixels [B, H, W, 3], and names what a run gives. */
export type Recorder = (pixels: Value, weights: (naming: Naming) => Weights, request: DinoRequest) => [string, Value][];

/** What a Dino is made of. */
export interface DinoFiles {
  readonly config: AnyDinoConfig;
  readonly recipe: Preprocessing;
  readonly record: Recorder;
}

function vitModel(config: DinoConfig, checkpoint: Checkpoint) {
  const record: Recorder = (pixels, weights, request) => {
    const { tokens, layers, attention } = dino(pixels, weights(dinoNaming(checkpoint)), config, request);
    return [
      ["tokens", tokens],
      ...[...new Set(request.layers)].map((i): [string, Value] => [`layer ${i}`, layers.get(i) as Value]),
      ...request.attentionOf.map((i): [string, Value] => ["attention", attention.get(i) as Value]),
    ];
  };
  return { config, record };
}

/** Loads what runs a ResNet, which few pages need. */
async function resnetModel(json: unknown, checkpoint: Checkpoint) {
  const { resnet, resnetConfig, resnetNaming } = await import("../resnet/tower.ts");
  const config = resnetConfig(json, checkpoint);
  const record: Recorder = (pixels, weights) => {
    const { map, pooled } = resnet(pixels, weights(resnetNaming(checkpoint)), config);
    return [
      ["map", map],
      ["pooled", pooled],
    ];
  };
  return { config, record };
}

/** What the files say: transformers' config.json, timm's, or none beside the tensors. */
export async function readDinoFiles(source: Source, checkpoint: Checkpoint): Promise<DinoFiles> {
  const json = (await source.json("config.json")) as { model_type?: unknown } | undefined;
  const isNamed = json?.model_type !== undefined && json.model_type !== "resnet";
  const { config, record } =
    !isNamed && isResnet(checkpoint)
      ? await resnetModel(json, checkpoint)
      : vitModel(isNamed ? dinoConfig(json) : dinoConfigOf(checkpoint), checkpoint);
  const size = config.model_type === "resnet" ? 224 : config.image_size;
  const defaults: Preprocessing = {
    resize: [size, size],
    resample: "bicubic",
    rescale: 1 / 255,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
  };
  const own = isNamed || json?.model_type === "resnet" ? defaults : timmPreprocessing(json, defaults);
  return { config, recipe: preprocessing(await source.json("preprocessor_config.json"), own), record };
}
