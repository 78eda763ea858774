// The parts of SAM 2 on a video: the image encoder, and objects in a frame, of prompts or of what is remembered of
// other frames. Follows transformers' models/sam2_video/modeling_sam2_video.py and, for EdgeTAM,
// models/edgetam_video/modeling_edgetam_video.py. B objects, N places of the embedding, R rows of a frame's memory, M
// channels of it, L side of a mask.
import type { Spec } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { gather } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { spatialPerceiver } from "../edgetam/spatialPerceiver.ts";
import { add } from "../layers.ts";
import { definePart, type InputSpec } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import { samImage } from "../sam/maskDecoder.ts";
import { type ModelSettings, maskSizes } from "../sam/parts.ts";
import { promptTokens } from "../sam/promptEncoder.ts";
import type { Weights } from "../weights.ts";
import { choose, isAbove0, scalar, times } from "./arithmetic.ts";
import { type PyramidConfig, sam2ImageEncoder } from "./imageEncoder.ts";
import { type Sam2Masks, type Skips, sam2Decoder, skipsOf } from "./maskDecoder.ts";
import { memoryAttention } from "./memoryAttention.ts";
import { memoryEncoder, objectPointer } from "./memoryEncoder.ts";
import { embeddingOf } from "./parts.ts";
import type { Sam2VideoConfig } from "./videoConfig.ts";
import { keysOf, lookedAt, lookInputs, type MemorySizes, type ObjectMemory, objectMemories } from "./videoMemories.ts";

/** The logit of every place where an object is not in the frame. */
const NO_OBJECT = -1024;

export interface VideoSettings extends ModelSettings {
  readonly config: Sam2VideoConfig;
}

/** What is kept of a frame for all of its objects. */
export function frameSpecs({ config, dtype }: VideoSettings): Readonly<Record<"features" | keyof Skips, Spec>> {
  const [N, C] = [config.image_embedding_size ** 2, config.prompt.hidden_size];
  return {
    features: { dtype, shape: [1, N, C] },
    skip1: { dtype, shape: [1, 4 * N, C / 4] },
    skip0: { dtype, shape: [1, 16 * N, C / 8] },
  };
}

/** pixels [1, S, S, 3], normalised, to what is kept of a frame, in the caller's buffers. */
export const videoEncoderPart = /* @__PURE__ */ definePart({
  name: "sam 2 video encoder",
  inputs: ({ config: { image_size: side }, dtype }: VideoSettings) => ({
    pixels: { dtype, shape: [1, side, side, 3] },
  }),
  record: ({ pixels }, weights, { config }): Readonly<Record<string, Value>> => {
    const levels = sam2ImageEncoder(pixels, weights, config.vision as PyramidConfig);
    const [, h = 0, w = 0, C = 0] = levels[2]?.shape ?? [];
    return { features: pixels.graph.reshape(levels[2] as Value, [1, h * w, C]), ...skipsOf(levels, weights) };
  },
  boundOutputs: (settings) => Object.keys(frameSpecs(settings)),
});

interface ObjectSettings extends VideoSettings, MemorySizes {
  /** B, which are looked for at once: by memory alone, and with as many frames and pointers to look at. */
  readonly objects: number;
  /** Tokens of the prompt; none where there is a mask. */
  readonly T: number;
  /** The best of three masks, or the single one. */
  readonly isMultimask: boolean;
  /** What it is known by: a first prompt, what is remembered of other frames, or a mask of this one. */
  readonly by: "prompt" | "memory" | "mask";
  /** Of the frames. */
  readonly size: Size;
  readonly hasLogits: boolean;
}

/**
 * Objects in a frame: their masks at the frame's size as bits (and with hasLogits their logits [B, L, L]), their object
 * scores [B, 1] unless a mask is given, and in the row "slot" of each one's states what is remembered of it.
 */
export const videoObjectPart = /* @__PURE__ */ definePart({
  name: "sam 2 video object",
  inputs: (settings: ObjectSettings): Readonly<Record<string, InputSpec>> => {
    const { dtype, objects: B, T, by, size } = settings;
    const ofFrame = Object.entries<Spec>(frameSpecs(settings)).map(([name, spec]) => [name, { ...spec, bound: true }]);
    const tokens = { coords: { dtype: "f32", shape: [B, T, 2] }, labels: { dtype: "i32", shape: [B, T] } } as const;
    return {
      ...Object.fromEntries(ofFrame),
      ...tokens,
      ...(by === "mask" && { mask: { dtype, shape: [1, ...size, 1] } }),
      ...(by !== "mask" && { sharpness: { dtype, shape: [1] } }),
      ...(by === "memory" && lookInputs(settings)),
    };
  },
  record: (inputs, weights, settings): Readonly<Record<string, Value>> => {
    const { features } = inputs as { readonly features: Value };
    const memories = objectMemories(features.graph, settings);
    const objects = objectsIn(inputs, memories, weights, settings);
    keep(memories, memoryOf(features, objects, weights, settings), objects.pointer);
    const { L } = maskSizes(settings.config);
    const whole = { square: L, cut: [L, L], size: settings.size } as const;
    return {
      bits: ops.maskUpsample({ x: objects.logits }, { ...whole, threshold: 0 }),
      ...(settings.by !== "mask" && { score: objects.score }),
      ...(settings.hasLogits && { logits: objects.logits }),
    };
  },
});

/** What is found of objects. */
interface Found {
  /** [B, L, L] */
  readonly logits: Value;
  /** Object scores [B, 1]: above 0 where they are in the frame. */
  readonly score: Value;
  /** [B, C] */
  readonly pointer: Value;
  /** What the masks [B, S, S, 1] are for the memory: between 0 and 1. */
  readonly mask: Value;
}

type Inputs = Readonly<Record<string, Value>>;

function objectsIn(
  inputs: Inputs,
  memories: readonly ObjectMemory[],
  weights: Weights,
  settings: ObjectSettings,
): Found {
  const { config, by, isMultimask, objects: B } = settings;
  const { dtype } = weights;
  const { features, coords, labels, sharpness, mask } = inputs as Readonly<Record<string, Value>> & { features: Value };
  const { graph } = features;
  const { L } = maskSizes(config);
  const shown = mask && binary(mask, config.image_size, dtype); // [1, S, S, 1]
  const image = samImage(
    embeddingIn(inputs, memories, weights, settings),
    weights,
    config,
    shown &&
      ops.conv2d(
        {
          x: shown,
          weight: weights.get("mask_downsample.weight", [1, 1, 4, 4]),
          bias: weights.get("mask_downsample.bias"),
        },
        { stride: 4 },
      ),
  );
  const tokens = promptTokens(coords as Value, labels as Value, weights, config);
  const decoded = sam2Decoder(tokens, image, inputs as unknown as Skips, weights, config);
  const isThere = isAbove0(decoded.objectScoreLogits, dtype); // [B, 1]
  const chosen = chosenMasks(decoded, isMultimask || by === "mask", config);
  const nowhere = weights.get("no_object_pointer", [1, config.prompt.hidden_size]);
  const pointer = choose(isThere, objectPointer(chosen.tokens, weights), nowhere, dtype);
  const square = { size: [config.image_size, config.image_size], mode: "bilinear" } as const;
  if (shown) {
    const high = add(times(shown, scalar(graph, 20, dtype)), scalar(graph, -10, dtype));
    const logits = ops.interpolate({ x: high }, { size: [L, L], mode: "bilinear", antialias: true });
    return { logits: graph.reshape(logits, [1, L, L]), score: scalar(graph, 10, dtype), pointer, mask: shown };
  }
  const logits = choose(isThere, chosen.logits, scalar(graph, NO_OBJECT, dtype), dtype); // [B, L * L]
  const large = ops.interpolate({ x: graph.reshape(logits, [B, L, L, 1]) }, square);
  return {
    logits: graph.reshape(logits, [B, L, L]),
    score: decoded.objectScoreLogits,
    pointer,
    mask: ops.unary({ x: times(large, sharpness as Value) }, { kind: "sigmoid" }),
  };
}

/** The embeddings that the decoder takes: of a frame by itself, or with what is remembered of others. */
function embeddingIn(
  inputs: Inputs,
  memories: readonly ObjectMemory[],
  weights: Weights,
  settings: ObjectSettings,
): Value {
  const { config, by } = settings;
  const { features } = inputs as { readonly features: Value };
  const { graph } = features;
  if (by === "mask") return features;
  if (by === "memory") {
    const looks = memories.map((memory, i) => lookedAt(i, memory, inputs, weights, settings));
    return memoryAttention(features, looks, keysOf(graph, settings), weights, config);
  }
  const side = config.image_embedding_size;
  return embeddingOf(graph.reshape(features, [1, side, side, config.prompt.hidden_size]), weights);
}

/** The masks [B, L * L] that are given, and their tokens [B, C]: the best of three by score, or the single one. */
function chosenMasks({ lowResMasks, iouScores, tokens }: Sam2Masks, isMultimask: boolean, config: Sam2VideoConfig) {
  const { graph } = lowResMasks;
  const { M, L } = maskSizes(config);
  const [B = 0] = lowResMasks.shape;
  const C = config.prompt.hidden_size;
  const [start, length] = isMultimask ? [1, M - 1] : [0, 1];
  const some = (x: Value, first = start) => ops.narrow({ x }, { axis: 1, start: first, length });
  const logits = graph.reshape(some(lowResMasks), [B, length, L * L]);
  const ofMasks = some(tokens, 2 + start); // [B, length, C], after those of object score and IoU
  if (!isMultimask) return { logits: graph.reshape(logits, [B, L * L]), tokens: graph.reshape(ofMasks, [B, C]) };
  const scores = some(iouScores);
  const best = Array.from({ length: B }, (_, i) => ops.argmax({ x: rowOf(scores, i) })); // each [1]
  const chosen = (tables: Value) => joined(best.map((ids, i) => gather({ ids, table: rowOf(tables, i) })));
  return { logits: chosen(logits), tokens: chosen(ofMasks) };
}

/** Row i of [B, ...]: [...], at least of two axes. */
function rowOf(x: Value, i: number): Value {
  const [B, ...shape] = x.shape;
  const row = B === 1 ? x : ops.narrow({ x }, { axis: 0, start: i, length: 1 });
  return x.graph.reshape(row, shape.length > 1 ? shape : [1, ...shape]);
}

function joined(rows: readonly Value[]): Value {
  return rows.reduce((a, b) => ops.concat({ a, b }, { axis: 0 }));
}

/** A mask [1, H, W, 1] of 0 and 1 at the model's size, of 0 and 1 again. */
function binary(mask: Value, side: number, dtype: "f32" | "f16"): Value {
  const resized = ops.interpolate({ x: mask }, { size: [side, side], mode: "bilinear", antialias: true });
  return isAbove0(add(resized, scalar(mask.graph, -0.49999, dtype)), dtype); // half and more counts
}

/** What is remembered of a frame: [B, R, M], R being its places or EdgeTAM's latents. */
function memoryOf(features: Value, found: Found, weights: Weights, settings: ObjectSettings): Value {
  const map = memoryMap(features, found, weights, settings);
  const { perceiver } = settings.config;
  return perceiver ? spatialPerceiver(map, weights, perceiver) : map;
}

/** What a frame's map and objects' masks come to: [B, h, w, M]. */
function memoryMap(features: Value, { mask, score }: Found, weights: Weights, { config }: ObjectSettings): Value {
  const { graph } = features;
  const { dtype } = weights;
  const { sigmoid_scale_for_mem_enc: scale, sigmoid_bias_for_mem_enc: bias } = config.memory;
  const side = config.image_embedding_size;
  const scaled = add(times(mask, scalar(graph, scale, dtype)), scalar(graph, bias, dtype));
  const map = graph.reshape(features, [1, side, side, config.prompt.hidden_size]);
  const memory = memoryEncoder(map, scaled, weights, config);
  if (!config.memory.enable_occlusion_spatial_embedding) return memory;
  const M = config.memory.memory_encoder_output_channels;
  const occluded = graph.reshape(weights.get("occlusion_spatial_embedding_parameter", [1, M]), [M]);
  const absent = ops.binary({ a: scalar(graph, 1, dtype), b: isAbove0(score, dtype) }, { op: "sub" }); // [B, 1] or [1]
  return add(memory, times(graph.reshape(absent, [mask.shape[0] as number, 1, 1, 1]), occluded));
}

/** Writes what is remembered of objects, [B, R, M] and pointers [B, C], into the states of each. */
function keep(memories: readonly ObjectMemory[], memory: Value, pointer: Value): void {
  for (const [i, { states, slot }] of memories.entries()) {
    const { graph } = memory;
    const [of, to] = [rowOf(memory, i), states.memories.shape[1] as number];
    ops.writeRows({ state: states.memories, rows: graph.reshape(of, [1, to]) }, { at: slot });
    ops.writeRows({ state: states.pointers, rows: rowOf(pointer, i) }, { at: slot });
  }
}
