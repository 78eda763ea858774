// SAM's image encoder (Kirillov et al. 2023): a plain ViT whose layers attend in windows of 14 by 14 places, a few of
// them over the whole map, with decomposed relative positions (Li et al. 2022, ViTDet), and a neck of two convolutions.
// Follows transformers' models/sam/modeling_sam.py; weights under its names.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { activation, add, layerNorm, linear, patchEmbedding } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { SamVisionConfig } from "./config.ts";

/** Places [height, width] of a map. */
type Grid = readonly [number, number];

const NECK_EPS = 1e-6;

/**
 * pixels [B, S, S, 3], normalised, to the image embedding [B, S / patch, S / patch, output_channels].
 * `onLayer` is given the tokens [B, N, C] that go into the layers, and those after each.
 */
export function samImageEncoder(
  pixels: Value,
  weights: Weights,
  config: SamVisionConfig,
  onLayer?: (x: Value) => void,
): Value {
  const w = weights.at("vision_encoder");
  const { graph } = pixels;
  const { patch_size, hidden_size: C, num_hidden_layers, global_attn_indexes, window_size } = config;
  const [B = 0, H = 0, W = 0] = pixels.shape;
  const grid = [Math.floor(H / patch_size), Math.floor(W / patch_size)] as const;
  const N = grid[0] * grid[1];
  const positions = graph.reshape(w.get("pos_embed", [1, ...grid, C]), [N, C]);
  let x = add(patchEmbedding(pixels, w.at("patch_embed.projection"), patch_size), positions); // [B, N, C]
  onLayer?.(x);
  for (let i = 0; i < num_hidden_layers; i++) {
    const isGlobal = window_size === 0 || global_attn_indexes.includes(i);
    x = layer(x, w.at(`layers.${i}`), config, grid, isGlobal ? undefined : window_size);
    onLayer?.(x);
  }
  return samNeck(graph.reshape(x, [B, ...grid, C]), w.at("neck"));
}

function layer(x: Value, w: Weights, config: SamVisionConfig, grid: Grid, window: number | undefined): Value {
  const { layer_norm_eps: eps, num_attention_heads: heads, hidden_act } = config;
  x = add(x, attention(layerNorm(x, w.at("layer_norm1"), eps), w.at("attn"), heads, grid, window));
  const hidden = activation(linear(layerNorm(x, w.at("layer_norm2"), eps), w.at("mlp.lin1")), hidden_act);
  return add(x, linear(hidden, w.at("mlp.lin2"))); // [B, N, C] -> [B, N, mlp_dim] -> [B, N, C]
}

/** Attention in windows of the map, or over all of it. The map ends in zeros, whose q, k and v are the bias. */
function attention(x: Value, w: Weights, heads: number, grid: Grid, window: number | undefined): Value {
  const C = lastDim(x);
  const qkv = linear(x, w.at("qkv")); // [B, N, 3C]
  const pad = w.get("qkv.bias", [3 * C]);
  const table = distances(w, C / heads, window ? [window, window] : grid);
  const rel = ops.relativePositions({ q: qkv, table }, { heads, grid, window }); // [B, N, heads, rows + columns]
  const packed = { channels: C, kOffset: C, vOffset: 2 * C };
  const attended = ops.attention({ q: qkv, k: qkv, v: qkv, pad, rel }, { heads, grid, window, ...packed });
  return linear(attended, w.at("proj"));
}

/** A vector for each distance of rows, then of columns; resized when the sides are not the trained ones. */
function distances(w: Weights, D: number, [rows, columns]: Grid): Value {
  const table = (name: string, side: number) => {
    const x = w.get(name, [undefined, D]);
    const [trained = 0] = x.shape;
    const length = 2 * side - 1;
    if (trained === length) return x;
    return ops.interpolate({ x }, { grid: [trained, 1], size: [length, 1], mode: "bilinear" });
  };
  return ops.concat({ a: table("rel_pos_h", rows), b: table("rel_pos_w", columns) }, { axis: 0 });
}

/** The neck: [B, h, w, C] to [B, h, w, output_channels]; the norms are over the channels of a place. */
export function samNeck(x: Value, w: Weights): Value {
  x = ops.conv2d({ x, weight: w.get("conv1.weight", [undefined, lastDim(x), 1, 1]) }, {});
  x = layerNorm(x, w.at("layer_norm1"), NECK_EPS);
  x = ops.conv2d({ x, weight: w.get("conv2.weight", [undefined, lastDim(x), 3, 3]) }, { padding: 1 });
  return layerNorm(x, w.at("layer_norm2"), NECK_EPS);
}
