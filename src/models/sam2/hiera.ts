// Hiera, SAM 2's backbone (Ryali et al. 2023; Ravi et al. 2024; positions as in Bolya et al. 2023): a ViT of four
// stages, each with half the rows and columns and twice the channels of the one before, whose blocks attend in windows
// but for a few. Follows transformers' models/sam2/modeling_sam2.py; weights under its names.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { pool2d } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { convolution } from "../convolution.ts";
import { activation, add, layerNorm, linear, project } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { HieraConfig } from "./config.ts";

/** Pixels of a side that become a place of the first map. */
export const PATCH_STRIDE = 4;
const PATCH_PADDING = 3;

/** A block's place in the model. */
interface BlockSettings {
  readonly heads: number;
  /** Side of the windows, in places of the map that comes in; the whole map when absent. */
  readonly window: number | undefined;
  /** It is the first of a further stage: its queries are pooled, so that the map halves. */
  readonly opensStage: boolean;
}

/** pixels [1, S, S, 3], normalised, to the map after each stage: [1, S / 4, S / 4, C], [1, S / 8, S / 8, 2 C] … */
export function hiera(pixels: Value, weights: Weights, config: HieraConfig): Value[] {
  const w = weights.at("vision_encoder.backbone");
  const patches = convolution(pixels, w.at("patch_embed.projection"), { stride: PATCH_STRIDE, padding: PATCH_PADDING });
  let x = add(patches, positions(w, patches, config)); // [1, S / 4, S / 4, C]
  let i = 0;
  return config.blocks_per_stage.map((blocks, stage) => {
    for (let j = 0; j < blocks; j++) {
      const opensStage = stage > 0 && j === 0;
      const side = config.window_size_per_stage[opensStage ? stage - 1 : stage];
      const window = config.global_attention_blocks.includes(i) ? undefined : side;
      const heads = config.num_attention_heads_per_stage[stage] as number;
      x = block(x, w.at(`blocks.${i++}`), config, { heads, window, opensStage });
    }
    return x;
  });
}

/** One code that is resized to the map, and one for the places of a window, repeated over the map: [1, h, w, C]. */
function positions(w: Weights, { shape, graph }: Value, config: HieraConfig): Value {
  const [, h = 0, wide = 0, C = 0] = shape;
  const [rows, columns] = config.window_positional_embedding_background_size;
  const side = config.window_size_per_stage[0] as number;
  const channelsLast = (x: Value) => ops.permute({ x }, { dims: [0, 2, 3, 1] });
  const background = ops.interpolate(
    { x: channelsLast(w.get("pos_embed", [1, C, rows, columns])) },
    { size: [h, wide], mode: "bicubic" },
  );
  const window = channelsLast(w.get("pos_embed_window", [1, C, side, side]));
  const byWindow = graph.reshape(background, [h / side, side, wide / side, side * C]);
  return graph.reshape(add(byWindow, graph.reshape(window, [1, side, 1, side * C])), [1, h, wide, C]);
}

/** x [1, h, w, C] gives the same, or where it opens a stage [1, h / 2, w / 2, 2 C]. */
function block(x: Value, w: Weights, config: HieraConfig, settings: BlockSettings): Value {
  const { layer_norm_eps: eps, hidden_act } = config;
  const normed = layerNorm(x, w.at("layer_norm1"), eps);
  if (settings.opensStage) {
    x = add(pooled(linear(normed, w.at("proj"))), pooledAttention(normed, w.at("attn"), settings));
  } else {
    x = add(x, attention(normed, w.at("attn"), settings));
  }
  const hidden = activation(linear(layerNorm(x, w.at("layer_norm2"), eps), w.at("mlp.proj_in")), hidden_act);
  return add(x, linear(hidden, w.at("mlp.proj_out"))); // [1, h, w, C] -> [1, h, w, mlp_ratio C] -> [1, h, w, C]
}

/** Attention in windows of the map, or over all of it. The map ends in zeros, whose q, k and v are the bias. */
function attention(x: Value, w: Weights, { heads, window }: BlockSettings): Value {
  const { graph } = x;
  const [, H = 0, W = 0, C = 0] = x.shape;
  const qkv = linear(graph.reshape(x, [1, H * W, C]), w.at("qkv")); // [1, N, 3 C]
  const packed = { heads, channels: C, kOffset: C, vOffset: 2 * C };
  const inWindows = { ...packed, grid: [H, W] as const, window };
  const attended = window
    ? ops.attention({ q: qkv, k: qkv, v: qkv, pad: w.get("qkv.bias", [3 * C]) }, inWindows)
    : ops.attention({ q: qkv, k: qkv, v: qkv }, packed);
  return graph.reshape(linear(attended, w.at("proj")), x.shape);
}

/**
 * The same with the largest query of each 2 x 2 places, so that windows and map halve: x [1, h, w, C] gives
 * [1, h / 2, w / 2, 2 C]. A window is an element of the batch here, n in all. Queries, keys and values are products of
 * their own, as one of all would be larger than what WebGPU lets bind by default.
 */
function pooledAttention(x: Value, w: Weights, { heads, window }: BlockSettings): Value {
  const { graph } = x;
  const [, H = 0, W = 0, C = 0] = x.shape;
  const [wide = 0] = w.shape("proj.weight");
  const side = window ?? H;
  const windows = toWindows(x, side); // [n, side², C]
  const [n = 0] = windows.shape;
  const part = (i: number) => {
    const rows = [i * wide, (i + 1) * wide] as const;
    return project(windows, w.get("qkv.weight", [3 * wide, C], rows), w.get("qkv.bias", [3 * wide], rows));
  };
  const q = pooled(graph.reshape(part(0), [n, side, side, wide])); // [n, side / 2, side / 2, 2 C]
  const queries = graph.reshape(q, [n, (side * side) / 4, wide]);
  const attended = ops.attention({ q: queries, k: part(1), v: part(2) }, { heads });
  return fromWindows(linear(attended, w.at("proj")), [H / 2, W / 2], side / 2);
}

function pooled(x: Value): Value {
  return pool2d({ x }, { kind: "max", kernel: 2 });
}

/** x [B, h, w, C], with zeros up to whole windows, to [B * n, side², C]. */
export function toWindows(x: Value, side: number): Value {
  const { graph } = x;
  const [B = 0, H = 0, W = 0, C = 0] = x.shape;
  const [rows, columns] = [Math.ceil(H / side), Math.ceil(W / side)];
  const whole = { top: 0, left: 0, height: rows * side, width: columns * side };
  const isWhole = whole.height === H && whole.width === W;
  const padded = isWhole ? x : ops.interpolate({ x }, { mode: "bilinear", size: [H, W], window: whole });
  const byWindow = graph.reshape(padded, [B * rows, side, columns, side * C]);
  return graph.reshape(ops.permute({ x: byWindow }, { dims: [0, 2, 1, 3] }), [B * rows * columns, side * side, C]);
}

/** x [n, side², C] to the part [1, h, w, C] of their map. */
function fromWindows(x: Value, [H, W]: readonly [number, number], side: number): Value {
  const { graph } = x;
  const C = lastDim(x);
  const [rows, columns] = [Math.ceil(H / side), Math.ceil(W / side)];
  const byRow = ops.permute({ x: graph.reshape(x, [rows, columns, side, side * C]) }, { dims: [0, 2, 1, 3] });
  const map = graph.reshape(byRow, [rows * side, columns * side, C]);
  const wide = columns * side === W ? map : ops.narrow({ x: map }, { axis: 1, start: 0, length: W });
  return graph.reshape(graph.firstRows(wide, H), [1, H, W, C]);
}
