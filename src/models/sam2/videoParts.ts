// The parts of SAM 2 on a video: the image encoder, and an object in a frame, of prompts or of what is remembered of
// other frames. Follows transformers' models/sam2_video/modeling_sam2_video.py and, for EdgeTAM,
// models/edgetam_video/modeling_edgetam_video.py. N places of the embedding, R rows of a frame's memory, S frames
// that are looked at, Q pointers; a state has a row for each frame that is remembered (its slot).
import { type Spec, sizeOf } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { gather } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { latentPositions, spatialPerceiver } from "../edgetam/spatialPerceiver.ts";
import { floatArray } from "../exampleInputs.ts";
import { add, linear } from "../layers.ts";
import { definePart, type InputSpec } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import { samImage } from "../sam/maskDecoder.ts";
import { type ModelSettings, maskSizes } from "../sam/parts.ts";
import { promptTokens } from "../sam/promptEncoder.ts";
import type { Weights } from "../weights.ts";
import { choose, isAbove0, scalar, times } from "./arithmetic.ts";
import { type PyramidConfig, sam2ImageEncoder } from "./imageEncoder.ts";
import { type Sam2Masks, type Skips, sam2Decoder, skipsOf } from "./maskDecoder.ts";
import { type Memory, memoryAttention } from "./memoryAttention.ts";
import { memoryEncoder, objectPointer } from "./memoryEncoder.ts";
import { embeddingOf } from "./parts.ts";
import { sinePositions } from "./positions.ts";
import { memoryRows, type Sam2VideoConfig } from "./videoConfig.ts";

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

/** What is remembered of an object: a row for each frame, all in one buffer for each kind. */
export interface MemorySizes {
  /** Frames that are remembered. */
  readonly slots: number;
  /** Of these, so many are looked at, at most. */
  readonly frames: number;
  /** And so many pointers. */
  readonly pointers: number;
}

interface ObjectSettings extends VideoSettings, MemorySizes {
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

export function memorySpecs({ config, dtype, slots }: VideoSettings & MemorySizes) {
  const [R, C] = [memoryRows(config), config.prompt.hidden_size];
  return {
    memories: { dtype, shape: [slots, R * config.memory.memory_encoder_output_channels] },
    pointers: { dtype, shape: [slots, C] },
  } satisfies Record<string, Spec>;
}

/**
 * An object in a frame: its mask at the frame's size as bits (and with hasLogits its logits [1, L, L]), its object
 * score [1, 1] unless its mask is given, and in the row "slot" of the states what is remembered of it.
 */
export const videoObjectPart = /* @__PURE__ */ definePart({
  name: "sam 2 video object",
  inputs: (settings: ObjectSettings): Readonly<Record<string, InputSpec>> => {
    const { config, dtype, T, by, size, frames, pointers } = settings;
    const ofFrame = Object.entries<Spec>(frameSpecs(settings)).map(([name, spec]) => [name, { ...spec, bound: true }]);
    const tokens = { coords: { dtype: "f32", shape: [1, T, 2] }, labels: { dtype: "i32", shape: [1, T] } } as const;
    return {
      ...Object.fromEntries(ofFrame),
      ...tokens,
      ...(by === "mask" && { mask: { dtype, shape: [1, ...size, 1] } }),
      ...(by !== "mask" && { sharpness: { dtype, shape: [1] } }),
      ...(by === "memory" && {
        frameSlots: { dtype: "i32", shape: [frames] },
        frameTimes: { dtype: "i32", shape: [frames] },
        pointerSlots: { dtype: "i32", shape: [pointers] },
        ...(config.memory.enable_temporal_pos_encoding_for_object_pointers && {
          pointerTimes: { dtype, shape: [pointers, config.prompt.hidden_size] },
        }),
      }),
    };
  },
  record: (inputs, weights, settings): Readonly<Record<string, Value>> => {
    const { features } = inputs as { readonly features: Value };
    const { graph } = features;
    const specs = memorySpecs(settings);
    const [memories, pointers] = [graph.state("memories", specs.memories), graph.state("pointers", specs.pointers)];
    const found = objectIn(inputs, { memories, pointers }, weights, settings);
    const row = graph.length("slot", settings.slots - 1);
    const memory = memoryOf(features, found, weights, settings);
    ops.writeRows(
      { state: memories, rows: graph.reshape(memory, [1, specs.memories.shape[1] as number]) },
      { at: row },
    );
    ops.writeRows({ state: pointers, rows: found.pointer }, { at: row });
    const { L } = maskSizes(settings.config);
    const whole = { square: L, cut: [L, L], size: settings.size } as const;
    return {
      bits: ops.maskUpsample({ x: found.logits }, { ...whole, threshold: 0 }),
      ...(settings.by !== "mask" && { score: found.score }),
      ...(settings.hasLogits && { logits: found.logits }),
    };
  },
});

/** What is found of an object. */
interface Found {
  /** [1, L, L] */
  readonly logits: Value;
  /** Object score [1, 1]: above 0 where it is in the frame. */
  readonly score: Value;
  /** [1, C] */
  readonly pointer: Value;
  /** What the mask [1, S, S, 1] is for the memory: between 0 and 1. */
  readonly mask: Value;
}

type Inputs = Readonly<Record<string, Value>>;
type States = Readonly<Record<"memories" | "pointers", Value>>;

function objectIn(inputs: Inputs, states: States, weights: Weights, settings: ObjectSettings): Found {
  const { config, by, isMultimask } = settings;
  const { dtype } = weights;
  const { features, coords, labels, sharpness, mask } = inputs as Readonly<Record<string, Value>> & { features: Value };
  const { graph } = features;
  const { L } = maskSizes(config);
  const shown = mask && binary(mask, config.image_size, dtype); // [1, S, S, 1]
  const image = samImage(
    embeddingIn(inputs, states, weights, settings),
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
  const isThere = isAbove0(decoded.objectScoreLogits, dtype); // [1, 1]
  const chosen = chosenMask(decoded, isMultimask || by === "mask", config);
  const nowhere = weights.get("no_object_pointer", [1, config.prompt.hidden_size]);
  const pointer = choose(isThere, objectPointer(chosen.token, weights), nowhere, dtype);
  const square = { size: [config.image_size, config.image_size], mode: "bilinear" } as const;
  if (shown) {
    const high = add(times(shown, scalar(graph, 20, dtype)), scalar(graph, -10, dtype));
    const logits = ops.interpolate({ x: high }, { size: [L, L], mode: "bilinear", antialias: true });
    return { logits: graph.reshape(logits, [1, L, L]), score: scalar(graph, 10, dtype), pointer, mask: shown };
  }
  const logits = choose(isThere, chosen.logits, scalar(graph, NO_OBJECT, dtype), dtype); // [1, L * L]
  const large = ops.interpolate({ x: graph.reshape(logits, [1, L, L, 1]) }, square);
  return {
    logits: graph.reshape(logits, [1, L, L]),
    score: decoded.objectScoreLogits,
    pointer,
    mask: ops.unary({ x: times(large, sharpness as Value) }, { kind: "sigmoid" }),
  };
}

/** The embedding that the decoder takes: of a frame by itself, or with what is remembered of others. */
function embeddingIn(inputs: Inputs, states: States, weights: Weights, settings: ObjectSettings): Value {
  const { config, by } = settings;
  const { features } = inputs as { readonly features: Value };
  if (by === "mask") return features;
  if (by === "memory") return memoryAttention(features, memoryIn(inputs, states, weights, settings), weights, config);
  const side = config.image_embedding_size;
  return embeddingOf(features.graph.reshape(features, [1, side, side, config.prompt.hidden_size]), weights);
}

/** The slots that a run names, as what a frame looks at. */
function memoryIn(inputs: Inputs, { memories, pointers }: States, weights: Weights, settings: ObjectSettings): Memory {
  const { config, frames: S, pointers: most } = settings;
  const { frameSlots, frameTimes, pointerSlots, pointerTimes } = inputs as Readonly<Record<string, Value>>;
  const { graph } = memories;
  const { num_maskmem, memory_encoder_output_channels: M } = config.memory;
  const [R, C] = [memoryRows(config), config.prompt.hidden_size];
  const times = graph.reshape(weights.get("memory_temporal_positional_encoding", [num_maskmem, 1, 1, M]), [
    num_maskmem,
    M,
  ]);
  const ofTime = graph.reshape(gather({ ids: frameTimes as Value, table: times }), [S, 1, M]);
  const places = config.perceiver
    ? latentPositions(graph, config.perceiver, M, weights.dtype)
    : sinePositions(graph, config.image_embedding_size, M, weights.dtype);
  const parts = C / M; // tokens of a pointer
  const pointer = gather({ ids: pointerSlots as Value, table: pointers }); // [most, C]
  return {
    frames: graph.reshape(gather({ ids: frameSlots as Value, table: memories }), [S, R, M]),
    framePositions: add(graph.reshape(places, [1, R, M]), ofTime),
    pointers: graph.reshape(pointer, [most * parts, M]),
    pointerPositions: pointerPositions(pointer, pointerTimes, parts, weights, config),
    frameRows: graph.length("frameRows", S * R),
    keys: graph.length("keys", S * R + most * parts),
  };
}

/** Codes of times [Q, C], where a model has them, to what is added to parts of pointers [Q, C]: [Q * parts, M]. */
function pointerPositions(
  { graph, shape: [Q = 0] }: Value,
  codes: Value | undefined,
  parts: number,
  weights: Weights,
  { memory }: Sam2VideoConfig,
): Value {
  const M = memory.memory_encoder_output_channels;
  const zeros = (shape: readonly number[]) =>
    graph.constant({ dtype: weights.dtype, shape }, floatArray(new Float32Array(sizeOf(shape)), weights.dtype));
  if (!codes) return zeros([Q * parts, M]);
  const projected = linear(codes, weights.at("temporal_positional_encoding_projection_layer")); // [Q, M]
  return graph.reshape(add(graph.reshape(projected, [Q, 1, M]), zeros([1, parts, 1])), [Q * parts, M]);
}

/** The mask [1, L * L] that is given, and its token [1, C]: the best of three by score, or the single one. */
function chosenMask({ lowResMasks, iouScores, tokens }: Sam2Masks, isMultimask: boolean, config: Sam2VideoConfig) {
  const { graph } = lowResMasks;
  const { M, L } = maskSizes(config);
  const C = config.prompt.hidden_size;
  const [start, length] = isMultimask ? [1, M - 1] : [0, 1];
  const some = (x: Value, first = start) => ops.narrow({ x }, { axis: 1, start: first, length });
  const logits = graph.reshape(some(lowResMasks), [length, L * L]);
  const ofMasks = graph.reshape(some(tokens, 2 + start), [length, C]); // after those of object score and IoU
  if (!isMultimask) return { logits, token: ofMasks };
  const best = ops.argmax({ x: some(iouScores) }); // [1]
  return { logits: gather({ ids: best, table: logits }), token: gather({ ids: best, table: ofMasks }) };
}

/** A mask [1, H, W, 1] of 0 and 1 at the model's size, of 0 and 1 again. */
function binary(mask: Value, side: number, dtype: "f32" | "f16"): Value {
  const resized = ops.interpolate({ x: mask }, { size: [side, side], mode: "bilinear", antialias: true });
  return isAbove0(add(resized, scalar(mask.graph, -0.49999, dtype)), dtype); // half and more counts
}

/** What is remembered of a frame: [1, R, M], R being its places or EdgeTAM's latents. */
function memoryOf(features: Value, found: Found, weights: Weights, settings: ObjectSettings): Value {
  const map = memoryMap(features, found, weights, settings);
  const { perceiver } = settings.config;
  return perceiver ? spatialPerceiver(map, weights, perceiver) : map;
}

/** What a frame's map and an object's mask come to: [1, h, w, M]. */
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
  const absent = ops.binary({ a: scalar(graph, 1, dtype), b: isAbove0(score, dtype) }, { op: "sub" });
  return add(memory, times(occluded, graph.reshape(absent, [1])));
}
