// SAM 2's memory attention (Ravi et al. 2024, figure 3): a frame's map looks at itself, then at the memories of other
// frames and at the pointers of the object. Follows transformers' models/sam2_video/modeling_sam2_video.py; weights
// under its names. N places of the map, S frames with R rows of M channels each (their places, or EdgeTAM's latents), Q
// tokens of pointers, B objects.
import { lastDim, sizeOf } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import type { Length } from "../../kernels/length.ts";
import { floatArray } from "../exampleInputs.ts";
import type { FloatType } from "../family.ts";
import { activation, add, layerNorm, linear, project } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { scalar, times } from "./arithmetic.ts";
import { axialRotation, sinePositions } from "./positions.ts";
import type { Sam2VideoConfig } from "./videoConfig.ts";

const EPS = 1e-5; // PyTorch's default

/** What a frame looks at for an object. Of S frames and Q tokens the first so many are there: a run says how many. */
export interface Memory {
  /** [S, R, M], and what is added to them as keys: of places and of times. */
  readonly frames: Value;
  readonly framePositions: Value;
  /** [Q, M], and what is added to them as keys. */
  readonly pointers: Value;
  readonly pointerPositions: Value;
  /** Where the pointers begin in the list of all objects' rows: after R for each frame that is there. */
  readonly pointersAt: number | Length;
}

/**
 * features [1, N, C] of a frame, as the image encoder gives them, to the embeddings [B, N, C] for the decoder; of each
 * object's rows, frames' and pointers', so many `keys` are there.
 */
export function memoryAttention(
  features: Value,
  memories: readonly Memory[],
  keys: number | Length,
  weights: Weights,
  config: Sam2VideoConfig,
): Value {
  const w = weights.at("memory_attention");
  const { graph } = features;
  const [, , C = 0] = features.shape;
  const code = sinePositions(graph, config.image_embedding_size, C, weights.dtype);
  // The same for all objects until the first layer looks at what is remembered of each.
  let x = add(features, times(code, scalar(graph, 0.1, weights.dtype))); // [1, N, C]
  const shared = sharedBy(memories, keys, C, config);
  for (let i = 0; i < config.memory.memory_attention_num_layers; i++) x = layer(x, shared, w.at(`layers.${i}`), config);
  return layerNorm(x, w.at("layer_norm"), EPS);
}

interface Rotation extends ReturnType<typeof axialRotation> {
  /** Rows before those that are turned. */
  readonly prefix: number;
}

/** What is the same for all layers. */
interface Shared {
  readonly memories: readonly Memory[];
  readonly count: number | Length;
  readonly heads: number;
  /** By which what is of the frame's own places is turned: [N, D]. */
  readonly rotation: Rotation;
  /** By which the rows of a remembered frame are turned. */
  readonly memoryRotation: Rotation;
  /** Where each layer in turn writes keys and values: [B * (S * R + Q), C]. */
  readonly keys: Value;
  readonly values: Value;
}

function sharedBy(memories: readonly Memory[], count: number | Length, C: number, config: Sam2VideoConfig): Shared {
  const [{ frames, pointers }] = memories as readonly [Memory];
  const { graph, dtype } = frames;
  const { memory_attention_num_attention_heads: heads, rope_theta } = config.memory;
  const rows = memories.length * rowsOf(frames, pointers);
  const list = (name: string) => graph.state(name, { dtype, shape: [rows, C] });
  const turnedBy = (side: number) => ({
    ...axialRotation(graph, side, C / heads, rope_theta),
    prefix: 0,
  });
  const rotation = turnedBy(config.image_embedding_size);
  const { perceiver } = config;
  const memoryRotation = perceiver
    ? {
        ...turnedBy(Math.sqrt(perceiver.perceiver_resampler_num_latents_2d)),
        prefix: perceiver.perceiver_resampler_num_latents,
      }
    : rotation;
  const lists = { keys: list("memory keys"), values: list("memory values") };
  return { memories, count, heads, rotation, memoryRotation, ...lists };
}

/** Rows of an object in the lists. */
function rowsOf({ shape: [S = 0, R = 0] }: Value, { shape: [Q = 0] }: Value): number {
  return S * R + Q;
}

function layer(x: Value, shared: Shared, w: Weights, { memory }: Sam2VideoConfig): Value {
  const own = w.at("self_attn");
  let y = layerNorm(x, w.at("layer_norm1"), EPS);
  const { heads, rotation } = shared;
  const [q, k] = [turned(y, own.at("q_proj"), heads, rotation), turned(y, own.at("k_proj"), heads, rotation)];
  const attended = ops.attention({ q, k, v: linear(y, own.at("v_proj")) }, { heads });
  x = add(x, linear(attended, own.at("o_proj")));
  y = layerNorm(x, w.at("layer_norm2"), EPS);
  x = add(x, crossAttention(y, shared, w.at("cross_attn_image")));
  y = linear(layerNorm(x, w.at("layer_norm3"), EPS), w.at("linear1"));
  return add(x, linear(activation(y, memory.memory_attention_feed_forward_hidden_act), w.at("linear2")));
}

/** x [1 or B, N, C] gives [B, N, C]. */
function crossAttention(x: Value, shared: Shared, w: Weights): Value {
  const { memories, heads, rotation, count } = shared;
  const B = memories.length;
  for (const [i, memory] of memories.entries()) remember(i, memory, shared, w);
  const q = repeated(turned(x, w.at("q_proj"), heads, rotation), B);
  const { graph } = x;
  const [k, v] = [shared.keys, shared.values].map((list) =>
    graph.reshape(list, [B, (list.shape[0] as number) / B, list.shape[1] as number]),
  );
  return linear(ops.attention({ q, k: k as Value, v: v as Value }, { heads, keys: count }), w.at("o_proj"));
}

/**
 * Writes the keys and values of an object's frames and pointers into the lists. Frames are turned by their places, each
 * alike; pointers have no place, nor have latents that look at all of it.
 */
function remember(object: number, memory: Memory, shared: Shared, w: Weights): void {
  const { frames, framePositions, pointers, pointerPositions, pointersAt } = memory;
  const { heads, memoryRotation, keys, values } = shared;
  const { graph } = frames;
  const framesAt = object * rowsOf(frames, pointers);
  const flat = (x: Value) => graph.reshape(x, [sizeOf(x.shape) / lastDim(x), lastDim(x)]);
  const frameKeys = turned(add(frames, framePositions), w.at("k_proj"), heads, memoryRotation); // [S, R, C]
  ops.writeRows({ state: keys, rows: flat(frameKeys) }, { at: framesAt });
  ops.writeRows({ state: values, rows: flat(linear(frames, w.at("v_proj"))) }, { at: framesAt });
  const pointerKeys = halves(add(pointers, pointerPositions), w.at("k_proj"), heads); // [Q, C]
  ops.writeRows({ state: keys, rows: pointerKeys }, { at: pointersAt });
  ops.writeRows({ state: values, rows: linear(pointers, w.at("v_proj")) }, { at: pointersAt });
}

/** [1 or B, ...] to [B, ...] */
function repeated(x: Value, B: number): Value {
  const { graph, dtype, shape } = x;
  if (shape[0] === B) return x;
  const zeros = floatArray(new Float32Array(B), dtype as FloatType);
  return add(x, graph.constant({ dtype, shape: [B, 1, 1] }, zeros));
}

/** nn.Linear, turned by places: x [B, N, C] gives [B, N, C']. */
function turned(x: Value, w: Weights, heads: number, { cosine, sine, prefix }: Rotation): Value {
  return ops.rope({ x: halves(x, w, heads), cosine, sine }, { heads, prefix });
}

/**
 * nn.Linear with the channels of each head in another order: those that turn together are not neighbours but half a
 * head apart, as ops.rope has them. Queries and keys are alike in it, so that their products stay the same.
 */
function halves(x: Value, w: Weights, heads: number): Value {
  const { graph } = x;
  const [out = 0, inputs = 0] = w.shape("weight");
  const pairs = [heads, out / heads / 2, 2];
  const weight = ops.permute({ x: graph.reshape(w.get("weight"), [...pairs, inputs]) }, { dims: [0, 2, 1, 3] });
  const bias = ops.permute({ x: graph.reshape(w.get("bias", [out]), pairs) }, { dims: [0, 2, 1] });
  return project(x, graph.reshape(weight, [out, inputs]), graph.reshape(bias, [out]));
}
