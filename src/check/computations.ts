// The parts of models that are timed, from what the host gives to what it gets back: towers of CLIP, DINO, SAM's
// encoder and decoder.
import { ArgumentError } from "../device/errors.ts";
import { toHalfArray } from "../device/half.ts";
import type { HostArray } from "../device/tensor.ts";
import type { Graph, Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { type ClipConfig, clipConfig, openClipConfig } from "../models/clip/config.ts";
import { clipImage, clipText } from "../models/clip/model.ts";
import { clipNaming } from "../models/clip/names.ts";
import { dinoConfig } from "../models/dino/config.ts";
import { dino } from "../models/dino/model.ts";
import { dinoNaming } from "../models/dino/names.ts";
import { resnetConfig } from "../models/resnet/config.ts";
import { isResnet } from "../models/resnet/isResnet.ts";
import { resnet } from "../models/resnet/model.ts";
import { resnetNaming } from "../models/resnet/names.ts";
import { type SamConfig, samConfig } from "../models/sam/config.ts";
import { samImageEncoder } from "../models/sam/imageEncoder.ts";
import { samDecoder, samImage } from "../models/sam/maskDecoder.ts";
import { samNaming } from "../models/sam/names.ts";
import { promptTokens } from "../models/sam/promptEncoder.ts";
import { tokensOf } from "../models/sam/prompts.ts";
import { tinyVitEncoder } from "../models/sam/tinyVit.ts";
import { Weights } from "../models/weights.ts";
import { random } from "../verify/suite.ts";

export type HostInputs = Readonly<Record<string, HostArray>>;

/** What is recorded, and inputs for it: others for each seed. */
export interface Computation {
  /** Records it and gives its outputs by name. */
  build(graph: Graph): Readonly<Record<string, Value>>;
  inputs(seed: number): HostInputs;
}

/** A checkpoint in memory or in a file, with its config as JSON. */
export interface Loaded {
  readonly checkpoint: Checkpoint;
  readonly config: unknown;
  readonly dtype?: "f32" | "f16" | undefined;
}

/** Parts by name, each for one picture, one text or one prompt. */
const PARTS: Readonly<Record<string, (model: Loaded) => Computation>> = {
  "clip image": clipImageTower,
  "clip text": clipTextTower,
  dino: dinoTower,
  "sam encoder": samEncoderPart,
  "sam decoder": samDecoderPart,
};

/** The part of this name; throws ArgumentError where there is none. */
export function computation(part: string, model: Loaded): Computation {
  const make = PARTS[part];
  if (!make) throw new ArgumentError(`no part is called "${part}"; there are ${Object.keys(PARTS).join(", ")}`);
  return make(model);
}

/** Floats as the type that the graph takes. */
export function floats(values: Float32Array, dtype: "f32" | "f16"): HostArray {
  return dtype === "f16" ? toHalfArray(values) : values;
}

/** Uniform in [-1, 1), others for each seed. */
export function noise(count: number, seed: number): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: count }, () => 2 * next() - 1);
}

const configOfClip = (json: unknown): ClipConfig =>
  (json as { model_cfg?: unknown } | null)?.model_cfg ? openClipConfig(json) : clipConfig(json);

/** pixels [1, S, S, 3] to embeds [1, projection]. */
function clipImageTower({ checkpoint, config: json, dtype = "f32" }: Loaded): Computation {
  const { vision } = configOfClip(json);
  const side = vision.image_size;
  return {
    build: (graph) => {
      const pixels = graph.input("pixels", { dtype, shape: [1, side, side, 3] });
      return { embeds: clipImage(pixels, Weights.of(graph, checkpoint, dtype, clipNaming(checkpoint)), vision).embeds };
    },
    inputs: (seed) => ({ pixels: floats(noise(side * side * 3, seed), dtype) }),
  };
}

/** ids [1, T] and the row of the end token to embeds [1, projection]. */
function clipTextTower({ checkpoint, config: json, dtype = "f32" }: Loaded): Computation {
  const { text } = configOfClip(json);
  const T = text.max_position_embeddings;
  return {
    build: (graph) => {
      const ids = graph.input("ids", { dtype: "i32", shape: [1, T] });
      const end = graph.input("end", { dtype: "i32", shape: [1] });
      const weights = Weights.of(graph, checkpoint, dtype, clipNaming(checkpoint));
      return { embeds: clipText(ids, end, weights, text).embeds };
    },
    inputs: (seed) => {
      const next = random(seed);
      const length = Math.floor(T / 2 + (next() * T) / 2);
      const ids = new Int32Array(T).fill(text.vocab_size - 1); // the end token, and what fills up after it
      for (let i = 0; i < length - 1; i++) ids[i] = Math.floor(next() * (text.vocab_size - 2));
      ids[0] = text.vocab_size - 2;
      return { ids, end: Int32Array.of(length - 1) };
    },
  };
}

/** pixels [1, 224, 224, 3] to tokens of a ViT [1, T, C], or the pooled features of a ResNet. */
function dinoTower({ checkpoint, config: json, dtype = "f32" }: Loaded): Computation {
  const side = 224;
  return {
    build: (graph) => {
      const pixels = graph.input("pixels", { dtype, shape: [1, side, side, 3] });
      if (isResnet(checkpoint)) {
        const w = Weights.of(graph, checkpoint, dtype, resnetNaming(checkpoint));
        return { features: resnet(pixels, w, resnetConfig(json, checkpoint)).pooled };
      }
      const w = Weights.of(graph, checkpoint, dtype, dinoNaming(checkpoint));
      return { features: dino(pixels, w, dinoConfig(json)).tokens };
    },
    inputs: (seed) => ({ pixels: floats(noise(side * side * 3, seed), dtype) }),
  };
}

/** pixels [1, S, S, 3] to the embedding [1, N, C]. */
function samEncoderPart({ checkpoint, config: json, dtype = "f32" }: Loaded): Computation {
  const { image_size: side, image_embedding_size: places, vision } = samConfig(json);
  return {
    build: (graph) => {
      const pixels = graph.input("pixels", { dtype, shape: [1, side, side, 3] });
      const w = Weights.of(graph, checkpoint, dtype, samNaming(checkpoint));
      const map =
        vision.model_type === "tiny_vit" ? tinyVitEncoder(pixels, w, vision) : samImageEncoder(pixels, w, vision);
      return { embedding: graph.reshape(map, [1, places * places, vision.output_channels]) };
    },
    inputs: (seed) => ({ pixels: floats(noise(side * side * 3, seed), dtype) }),
  };
}

/** The embedding [1, N, C] and one point to three masks [1, 3, 4 h, 4 w]. */
function samDecoderPart({ checkpoint, config: json, dtype = "f32" }: Loaded): Computation {
  const config = samConfig(json);
  const [N, C] = [config.image_embedding_size ** 2, config.vision.output_channels];
  const { labels } = samPoint(config, [0, 0]);
  return {
    build: (graph) => {
      const w = Weights.of(graph, checkpoint, dtype, samNaming(checkpoint));
      const embedding = graph.input("embedding", { dtype, shape: [1, N, C] });
      const coords = graph.input("coords", { dtype: "f32", shape: [1, labels.length, 2] });
      const kinds = graph.input("labels", { dtype: "i32", shape: [1, labels.length] });
      const image = samImage(embedding, w, config);
      const { lowResMasks } = samDecoder(promptTokens(coords, kinds, w, config), image, w, config);
      const length = config.decoder.num_multimask_outputs;
      return { masks: ops.narrow({ x: lowResMasks }, { axis: 1, start: 1, length }) };
    },
    inputs: (seed) => {
      const next = random(seed);
      const point = [next() * config.image_size, next() * config.image_size] as const;
      return { embedding: floats(noise(N * C, seed), dtype), ...samPoint(config, point) };
    },
  };
}

/** A foreground point of the padded square as the decoder takes it. */
export function samPoint(config: SamConfig, [x, y]: readonly [number, number]) {
  const { image_size: side } = config;
  const placement = { width: side, height: side, cut: [side, side] as const };
  const { coords, labels } = tokensOf({ points: [{ x, y }] }, placement, config);
  return { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
}
