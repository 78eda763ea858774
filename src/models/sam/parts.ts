// The parts of SAM: the image encoder (MobileSAM's is in tinyVit.ts), the mask decoder on prompts, and what brings its
// masks to the picture's size. SAM 2 has an encoder and a decoder of its own (models/sam2/parts.ts).
import type { Spec } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import type { FloatType } from "../family.ts";
import { definePart, type InputSpec } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import type { Weights } from "../weights.ts";
import type { SamConfig, SamVisionConfig } from "./config.ts";
import { samImageEncoder } from "./imageEncoder.ts";
import { type SamImage, samDecoder, samImage } from "./maskDecoder.ts";
import { promptTokens } from "./promptEncoder.ts";

export interface ModelSettings {
  readonly config: SamConfig;
  readonly dtype: FloatType;
}

interface SceneSettings extends ModelSettings {
  /** What is of a scene is in buffers of the scene's, and is never copied; else it is given and read like any other. */
  readonly isBound?: boolean;
}

/** Masks of a prompt, the first of them the one that multimask leaves out; and a mask's side. */
export function maskSizes({ decoder, image_embedding_size }: SamConfig) {
  return { M: 1 + decoder.num_multimask_outputs, L: 4 * image_embedding_size };
}

/** What a scene keeps of a picture, by name; architectures may add to it. */
export type SceneSpecs = Readonly<Record<"embedding" | keyof SamImage, Spec>>;

/** What a scene keeps of a picture, by name: the embedding, and what the decoder makes of it whatever the prompt. */
export function sceneSpecs({ config, dtype }: ModelSettings): SceneSpecs {
  const { image_embedding_size: side, prompt, decoder } = config;
  const [N, C] = [side * side, prompt.hidden_size];
  const [whole, reduced] = [
    [1, N, C],
    [1, N, C / decoder.attention_downsample_rate],
  ];
  return {
    embedding: { dtype, shape: whole },
    map: { dtype, shape: whole },
    q: { dtype, shape: reduced },
    k: { dtype, shape: reduced },
    v: { dtype, shape: reduced },
  };
}

export interface EncoderSettings extends SceneSettings {
  /** The embedding alone, as SamModel.get_image_embeddings gives it. */
  readonly isEmbeddingOnly?: boolean;
}

/** pixels [1, S, S, 3], normalised, to the image embedding [1, S / patch, S / patch, channels]. */
type Encode = (pixels: Value, weights: Weights, config: SamConfig) => Value;

/** The part of an encoder: pixels [1, S, S, 3], normalised, to what a scene keeps. */
export function defineEncoder(name: string, encode: Encode) {
  return definePart({
    name,
    inputs: ({ config: { image_size: side }, dtype }: EncoderSettings) => ({
      pixels: { dtype, shape: [1, side, side, 3] },
    }),
    record: ({ pixels }, weights, { config, isEmbeddingOnly = false }): Readonly<Record<string, Value>> => {
      const { image_embedding_size: side, prompt } = config;
      const embedding = pixels.graph.reshape(encode(pixels, weights, config), [1, side * side, prompt.hidden_size]);
      return isEmbeddingOnly ? { embedding } : { embedding, ...samImage(embedding, weights, config) };
    },
    boundOutputs: (settings) => (settings.isBound ? Object.keys(sceneSpecs(settings)) : []),
  });
}

/** The encoder of SAM with a plain ViT. */
export const encoderPart = /* @__PURE__ */ defineEncoder("sam encoder", (pixels, weights, { vision }) => {
  return samImageEncoder(pixels, weights, vision as SamVisionConfig);
});

/** Prompts of one run: as many tokens each, and all with a mask or none. */
interface PromptSizes {
  /** Prompts. */
  readonly P: number;
  /** Tokens of each. */
  readonly T: number;
  readonly hasMask: boolean;
}

export interface DecoderSettings extends SceneSettings, PromptSizes {
  /** What is given of the picture; with a mask prompt always the embedding. */
  readonly from: "embedding" | "scene";
  /** The masks are written into a buffer that each run is given. */
  readonly keepsMasks?: boolean;
}

function promptInputs({ P, T }: PromptSizes) {
  return {
    coords: { dtype: "f32", shape: [P, T, 2] },
    labels: { dtype: "i32", shape: [P, T] },
  } as const;
}

type DecoderInputs = Readonly<Record<string, InputSpec>>;

/** What a decoder is given: of the picture, what `sceneSpecs` has, and prompts. */
export function decoderInputs(
  settings: DecoderSettings,
  specs: SceneSpecs & Readonly<Record<string, Spec>>,
): DecoderInputs {
  const { P, hasMask, from, dtype, config, isBound = false } = settings;
  const { L } = maskSizes(config);
  const { embedding, map, q, k, v, ...others } = specs;
  const image: Readonly<Record<string, Spec>> = hasMask || from === "embedding" ? { embedding } : { map, q, k, v };
  const scene = Object.entries({ ...image, ...others });
  return {
    ...Object.fromEntries(scene.map(([name, spec]) => [name, { ...spec, bound: isBound }])),
    ...(hasMask && { maskInput: { dtype, shape: [P, L, L, 1] } }),
    ...promptInputs(settings),
  };
}

/** The tokens and the image that a decoder takes, of its inputs. */
export function tokensAndImage(inputs: Readonly<Record<string, Value>>, weights: Weights, config: SamConfig) {
  const { embedding, maskInput, coords, labels, map, q, k, v } = inputs;
  const image = embedding ? samImage(embedding, weights, config, maskInput) : ({ map, q, k, v } as SamImage);
  return { tokens: promptTokens(coords as Value, labels as Value, weights, config), image };
}

/** The masks, where they stay in a buffer of the caller's. */
export function keptMasks({ keepsMasks }: DecoderSettings): "masks"[] {
  return keepsMasks ? ["masks"] : [];
}

/** Prompts and what is kept of the picture to the logits of all masks [P, M, L, L], and their scores [P, M]. */
export const decoderPart = /* @__PURE__ */ definePart({
  name: "sam decoder",
  inputs: (settings: DecoderSettings) => decoderInputs(settings, sceneSpecs(settings)),
  record: (inputs, weights, { config }) => {
    const { tokens, image } = tokensAndImage(inputs, weights, config);
    const { lowResMasks, iouScores } = samDecoder(tokens, image, weights, config);
    return { masks: lowResMasks, scores: iouScores };
  },
  boundOutputs: keptMasks,
});

/** Sizes of a picture and of the part of the padded square that it takes. */
export interface PictureSettings extends ModelSettings {
  /** Of the picture. */
  readonly size: Size;
  /** Side of the square to which masks are resized before they are cut. */
  readonly square: number;
  /** Of the part of the square. */
  readonly cut: Size;
}

interface MasksSettings extends PictureSettings {
  readonly P: number;
  readonly isMultimask: boolean;
  readonly hasLogits: boolean;
  /** All that comes of it is written into buffers that each run is given. */
  readonly staysOnGpu?: boolean;
  /** So many rows of the picture in a run, from its length "first" on; all when absent. */
  readonly rows?: number | undefined;
}

/** Logits of all masks to the chosen ones at the picture's size, as bits or as logits. */
export const masksPart = /* @__PURE__ */ definePart({
  name: "sam masks",
  inputs: ({ config, dtype, P }: MasksSettings) => {
    const { M, L } = maskSizes(config);
    return { masks: { dtype, shape: [P, M, L, L], bound: true }, scores: { dtype, shape: [P, M], bound: true } };
  },
  record: (
    { masks, scores },
    _,
    { config, size, square, cut, P, isMultimask, hasLogits, rows: count },
  ): Readonly<Record<string, Value>> => {
    const { M, L } = maskSizes(config);
    const [start, length] = isMultimask ? [1, M - 1] : [0, 1];
    const chosen = ops.narrow({ x: masks }, { axis: 1, start, length });
    const x = masks.graph.reshape(chosen, [P * length, L, L]);
    const rows = count === undefined ? undefined : { count, first: masks.graph.length("first", size[0] - count) };
    const sizes = { square, cut, size, ...(rows && { rows }) };
    return {
      lowRes: chosen,
      chosenScores: ops.narrow({ x: scores }, { axis: 1, start, length }),
      // Where logits are wanted, masks are made of them: in other sums a pixel could lie on the other side of 0.
      ...(hasLogits
        ? { logits: ops.maskUpsample({ x }, sizes) }
        : { bits: ops.maskUpsample({ x }, { ...sizes, threshold: 0 }) }),
    };
  },
  boundOutputs: ({ staysOnGpu, hasLogits }) => {
    return staysOnGpu ? ["lowRes", "chosenScores", hasLogits ? "logits" : "bits"] : [];
  },
});
