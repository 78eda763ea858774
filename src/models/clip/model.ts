// CLIP (Radford et al. 2021, figure 1): an image tower, a Vision Transformer here or a ResNet in resnet.ts, and a text
// tower that end in one space. Follows transformers' models/clip/modeling_clip.py; weights under its names.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { activation, add, embedding, layerNorm, layerScale, linear, patchEmbedding } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { ClipConfig, ClipTextConfig, ClipTowerConfig, ClipVisionConfig } from "./config.ts";

/** What a tower gives: the embedding [B, proj], and tokens after each layer [B, T, C] or maps after each stage. */
export interface TowerOutput {
  /** Without a projection among the weights, as in a tower saved alone: transformers' pooler_output [B, C]. */
  readonly embeds: Value;
  readonly isProjected: boolean;
  readonly hiddenStates: readonly Value[];
  /** Of a text, after the last norm [B, T, C]. */
  readonly lastHiddenState?: () => Value;
}

/** pixels [B, H, W, 3], normalised. */
export function clipVit(pixels: Value, weights: Weights, config: ClipVisionConfig): TowerOutput {
  const w = weights.at("vision_model");
  const { patch_size, layer_norm_eps: eps } = config;
  const [, H = 0, W = 0] = pixels.shape;
  const grid = [Math.floor(H / patch_size), Math.floor(W / patch_size)] as const;
  const patches = patchEmbedding(pixels, w.at("embeddings.patch_embedding"), patch_size); // [B, N, C]
  const token = w.get("embeddings.class_embedding", [config.hidden_size]);
  let x = ops.prepend({ x: patches, token, positions: positions(w.at("embeddings.position_embedding"), grid, config) });
  if (!config.no_ln_pre) x = layerNorm(x, w.at("pre_layrnorm"), eps); // [B, 1 + N, C]
  const hiddenStates = encoder(x, w.at("encoder"), config);
  const pooled = poolImage(hiddenStates.at(-1) as Value, w.at("post_layernorm"), config);
  return { ...projected(pooled, weights.at("visual_projection")), hiddenStates };
}

/** tokens [B, 1 + N, C] give [B, C]: of the class token, or in open_clip of the mean of the patches. */
function poolImage(tokens: Value, norm: Weights, { layer_norm_eps: eps, ...config }: ClipVisionConfig): Value {
  if (config.pool_type !== "avg") return layerNorm(tokens, norm, eps, tokens.shape[1]);
  if (config.final_ln_after_pool) return layerNorm(ops.meanPool({ x: tokens }, { start: 1 }), norm, eps);
  return ops.meanPool({ x: layerNorm(tokens, norm, eps) }, { start: 1 });
}

/** A tower that was saved alone has no projection. */
function projected(pooled: Value, w: Weights): Pick<TowerOutput, "embeds" | "isProjected"> {
  const isProjected = w.has("weight");
  return { embeds: isProjected ? linear(pooled, w) : pooled, isProjected };
}

/** ids [B, T] and, for each text, the row of its end token among all B * T rows: end [B]. */
export function clipText(ids: Value, end: Value, weights: Weights, config: ClipTextConfig): TowerOutput {
  const w = weights.at("text_model");
  const [B = 0, T = 0] = ids.shape;
  const tokens = embedding(ids, w.at("embeddings.token_embedding")); // [B, T, C]
  const C = lastDim(tokens);
  const table = w.get("embeddings.position_embedding.weight", [config.max_position_embeddings, config.hidden_size]);
  const x = add(tokens, ids.graph.firstRows(table, T));
  const hiddenStates = encoder(x, w.at("encoder"), config, !config.no_causal_mask);
  const last = hiddenStates.at(-1) as Value;
  const pooled = ops.gather({ ids: end, table: ids.graph.reshape(last, [B * T, C]) }); // [B, C]: the end token
  const norm = (y: Value) => layerNorm(y, w.at("final_layer_norm"), config.layer_norm_eps);
  const lastHiddenState = () => norm(last);
  const { embeds, isProjected } = projected(norm(pooled), weights.at("text_projection"));
  return { embeds, isProjected: isProjected || config.proj_type === "none", hiddenStates, lastHiddenState };
}

/** The tokens going in, and after each layer. */
function encoder(x: Value, w: Weights, config: ClipTowerConfig, causal = false): Value[] {
  const states = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) states.push((x = layer(x, w.at(`layers.${i}`), config, causal)));
  return states;
}

function layer(x: Value, w: Weights, config: ClipTowerConfig, causal: boolean): Value {
  const { layer_norm_eps: eps, num_attention_heads: heads, hidden_act } = config;
  const attended = selfAttention(layerNorm(x, w.at("layer_norm1"), eps), w.at("self_attn"), heads, causal);
  x = add(x, layerScale(attended, w.at("ls_1")));
  return add(x, layerScale(mlp(layerNorm(x, w.at("layer_norm2"), eps), w.at("mlp"), hidden_act), w.at("ls_2")));
}

function selfAttention(x: Value, w: Weights, heads: number, causal: boolean): Value {
  const [q, k, v] = [linear(x, w.at("q_proj")), linear(x, w.at("k_proj")), linear(x, w.at("v_proj"))]; // [B, T, C]
  return linear(ops.attention({ q, k, v }, { heads, causal }), w.at("out_proj"));
}

function mlp(x: Value, w: Weights, act: ClipTowerConfig["hidden_act"]): Value {
  return linear(activation(linear(x, w.at("fc1")), act), w.at("fc2")); // [B, T, C] -> [B, T, 4C] -> [B, T, C]
}

/** Position embeddings [1 + h * w, C], resized when the grid is not the trained one (bicubic, the class token kept). */
function positions(
  w: Weights,
  [h, wide]: readonly [number, number],
  { image_size, patch_size }: ClipVisionConfig,
): Value {
  const side = Math.floor(image_size / patch_size);
  const table = w.get("weight", [side * side + 1, undefined]);
  if (h === side && wide === side) return table;
  const patches = w.get("weight", [], [1, side * side + 1]);
  const resized = ops.interpolate({ x: patches }, { grid: [side, side], size: [h, wide], mode: "bicubic" });
  return ops.concat({ a: w.get("weight", [], [0, 1]), b: resized }, { axis: 0 });
}

/**
 * Cosine similarities times exp(logit_scale), plus open_clip's logit_bias: image [M, C] and text [N, C], both of unit
 * length, give [M, N].
 */
export function clipLogits(image: Value, text: Value, w: Weights, { logit_scale_init_value }: ClipConfig): Value {
  const { graph } = image;
  const logitScale = w.has("logit_scale")
    ? graph.reshape(w.get("logit_scale"), [1])
    : graph.constant({ dtype: "f32", shape: [1] }, Float32Array.of(logit_scale_init_value));
  const logits = ops.similarity({ a: image, b: text, logitScale }, { exp: true });
  return w.has("logit_bias") ? add(logits, graph.reshape(w.get("logit_bias"), [1])) : logits; // open_clip's SigLIP
}
