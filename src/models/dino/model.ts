// DINO's Vision Transformers: ViT (Caron et al. 2021), DINOv2 with or without registers (Oquab et al. 2023, Darcet et
// al. 2023), DINOv3 (Siméoni et al. 2025). Follows transformers' modeling_vit.py, modeling_dinov2*.py and
// modeling_dinov3_vit.py.
import { toHalfArray } from "../../device/half.ts";
import type { DType } from "../../device/tensor.ts";
import type { Graph, Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { activation, add, layerNorm, layerScale, linear, patchEmbedding } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { DinoConfig } from "./config.ts";

type Grid = readonly [height: number, width: number];

export interface DinoOptions {
  /** Layers whose class token's attention is wanted: 0 is the first. */
  readonly attentionOf?: readonly number[];
  /** Layers whose tokens are wanted too: 0 is the first. */
  readonly layers?: readonly number[];
  /** Added to the grid's size before position embeddings are resized: 0.1 in the original, none in transformers. */
  readonly interpolateOffset?: number;
}

export interface DinoOutput {
  /** The last layer's tokens after the final norm [B, T, C]: class, registers, patches. */
  readonly tokens: Value;
  /** Tokens going in and after each layer, before the norm. */
  readonly hiddenStates: readonly Value[];
  /** Tokens after some layers, each through the final norm (get_intermediate_layers in the original), as asked for. */
  readonly layers: ReadonlyMap<number, Value>;
  /** Attention of the class token over all tokens [B, heads, T], by layer, as asked for. */
  readonly attention: ReadonlyMap<number, Value>;
}

interface Rotary {
  readonly cosine: Value;
  readonly sine: Value;
}

/** pixels [B, H, W, 3], normalised; a remainder of a patch is dropped. */
export function dino(pixels: Value, w: Weights, config: DinoConfig, options: DinoOptions = {}): DinoOutput {
  const [, H = 0, W = 0] = pixels.shape;
  const grid = [Math.floor(H / config.patch_size), Math.floor(W / config.patch_size)] as const;
  let x = embeddings(pixels, grid, w, config, options); // [B, 1 + registers + N, C]
  const rotary = config.rope_theta === undefined ? undefined : rotaryTables(pixels.graph, grid, config);
  const hiddenStates = [x];
  const attention = new Map<number, Value>();
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const keep = (value: Value) => attention.set(i, value);
    x = block(x, w.at(`blocks.${i}`), config, rotary, options.attentionOf?.includes(i) ? keep : undefined);
    hiddenStates.push(x);
  }
  const norm = w.at("norm");
  const normed = (x: Value) => (config.final_norm === false ? x : layerNorm(x, norm, config.layer_norm_eps));
  const layers = new Map(options.layers?.map((i) => [i, normed(hiddenStates[i + 1] as Value)]));
  return { tokens: normed(x), hiddenStates, layers, attention };
}

/** The class token, registers, and patches with their positions. */
function embeddings(pixels: Value, grid: Grid, w: Weights, config: DinoConfig, options: DinoOptions): Value {
  const { graph } = pixels;
  const x = patchEmbedding(pixels, w.at("patch_embed.proj"), config.patch_size); // [B, N, C]
  const C = config.hidden_size;
  const registers = config.num_register_tokens;
  let token = graph.reshape(w.get("cls_token", [1, 1, C]), [1, C]);
  if (registers) {
    const tokens = graph.reshape(w.get("register_tokens", [1, registers, C]), [registers, C]);
    token = ops.concat({ a: token, b: tokens }, { axis: 0 });
  }
  const hasPositions = config.rope_theta === undefined;
  const embedded = ops.prepend({
    x,
    token,
    positions: hasPositions ? positions(grid, C, w, config, options) : undefined,
  });
  // CLIP's ViTs have a norm before the first layer.
  return w.has("norm_pre.weight") ? layerNorm(embedded, w.at("norm_pre"), config.layer_norm_eps) : embedded;
}

/** [1 + registers + N, C]: the class token's, in most models none for registers, and the trained grid resized. */
function positions(grid: Grid, C: number, w: Weights, config: DinoConfig, options: DinoOptions): Value {
  const { antialias, num_register_tokens, embedded_prefix_tokens: prefixTokens = 1 } = config;
  const side = Math.floor(config.image_size / config.patch_size);
  const { graph } = w;
  const table = graph.reshape(w.get("pos_embed", [1, prefixTokens + side * side, C]), [prefixTokens + side * side, C]);
  const prefix = prefixTokens ? ops.narrow({ x: table }, { axis: 0, start: 0, length: prefixTokens }) : undefined;
  let patches = ops.narrow({ x: table }, { axis: 0, start: prefixTokens, length: side * side });
  if (grid[0] !== side || grid[1] !== side) {
    const offset = options.interpolateOffset ?? 0;
    const target = offset
      ? { scaleFactor: [(grid[0] + offset) / side, (grid[1] + offset) / side] as const }
      : { size: grid };
    patches = ops.interpolate({ x: patches }, { grid: [side, side], ...target, mode: "bicubic", antialias });
  }
  const registers = noPositions(graph, C, w.dtype, 1 + num_register_tokens - prefixTokens);
  const parts = [prefix, registers, patches].filter((part) => part !== undefined);
  return parts.reduce((a, b) => ops.concat({ a, b }, { axis: 0 }));
}

/** Zeros, for tokens that have no place. */
function noPositions(graph: Graph, C: number, dtype: DType, count: number): Value | undefined {
  return count ? graph.constant({ dtype, shape: [count, C] }, floats(dtype, Array(count * C).fill(0))) : undefined;
}

function block(
  x: Value,
  w: Weights,
  config: DinoConfig,
  rotary: Rotary | undefined,
  keepAttention: ((attention: Value) => void) | undefined,
): Value {
  const { layer_norm_eps: eps, num_attention_heads: heads, num_register_tokens } = config;
  const normed = layerNorm(x, w.at("norm1"), eps);
  const qkv = (name: "q" | "k" | "v") => linear(normed, w.at(`attn.${name}`)); // [B, T, C]
  const turn = (value: Value) =>
    rotary ? ops.rope({ x: value, ...rotary }, { heads, prefix: 1 + num_register_tokens }) : value;
  const [q, k, v] = [turn(qkv("q")), turn(qkv("k")), qkv("v")];
  keepAttention?.(classAttention(q, k, heads));
  const attended = linear(ops.attention({ q, k, v }, { heads }), w.at("attn.proj"));
  x = add(x, layerScale(attended, w.at("ls1")));
  return add(x, layerScale(mlp(layerNorm(x, w.at("norm2"), eps), w.at("mlp"), config), w.at("ls2")));
}

/** [B, T, C] -> [B, T, 4C] -> [B, T, C], or gated: (act(x·w1) * (x·w2))·w3. */
function mlp(x: Value, w: Weights, { hidden_act, model_type }: DinoConfig): Value {
  if (!w.has("w1.weight")) return linear(activation(linear(x, w.at("fc1")), hidden_act), w.at("fc2"));
  // DINOv2's SwiGLU has silu whatever hidden_act says.
  const act = model_type === "dinov3_vit" ? hidden_act : "silu";
  const gate = activation(linear(x, w.at("w1")), act);
  return linear(ops.binary({ a: gate, b: linear(x, w.at("w2")) }, { op: "mul" }), w.at("w3"));
}

/** softmax(q·kᵀ / √D) of the class token: q, k [B, T, heads * D] give [B, heads, T]. */
function classAttention(q: Value, k: Value, heads: number): Value {
  const { graph, dtype } = q;
  const [B = 0, T = 0, C = 0] = q.shape;
  const D = C / heads;
  const cls = graph.reshape(ops.narrow({ x: q }, { axis: 1, start: 0, length: 1 }), [B * heads, 1, D]);
  const keys = ops.permute({ x: graph.reshape(k, [B, T, heads, D]) }, { dims: [0, 2, 1, 3] }); // [B, heads, T, D]
  const b = ops.transpose({ x: graph.reshape(keys, [B * heads, T, D]) }, { padTo: 4 });
  const logits = ops.matmul({ a: cls, b }, { n: T });
  const scale = graph.constant({ dtype, shape: [1] }, floats(dtype, [1 / Math.sqrt(D)]));
  return graph.reshape(ops.softmax({ x: ops.binary({ a: logits, b: scale }, { op: "mul" }) }), [B, heads, T]);
}

function floats(dtype: DType, values: readonly number[]) {
  return dtype === "f16" ? toHalfArray(values) : Float32Array.from(values);
}

/** Angles of each patch: its place in [-1, 1] along each axis, at D / 4 frequencies; y before x, and the half twice. */
function rotaryTables(graph: Graph, [h, w]: Grid, config: DinoConfig): Rotary {
  const D = config.hidden_size / config.num_attention_heads;
  const [cosine, sine] = [new Float32Array(h * w * D), new Float32Array(h * w * D)];
  for (let i = 0; i < h * w * D; i++) {
    const place = Math.floor(i / D);
    const d = i % (D / 2);
    const isY = d < D / 4;
    const at = isY ? (Math.floor(place / w) + 0.5) / h : ((place % w) + 0.5) / w;
    const frequency = (config.rope_theta ?? 100) ** (-(d % (D / 4)) / (D / 4));
    const angle = 2 * Math.PI * (2 * at - 1) * frequency;
    cosine[i] = Math.cos(angle);
    sine[i] = Math.sin(angle);
  }
  const shape = [h * w, D];
  return {
    cosine: graph.constant({ dtype: "f32", shape }, cosine),
    sine: graph.constant({ dtype: "f32", shape }, sine),
  };
}
