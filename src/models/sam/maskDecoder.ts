// SAM's mask decoder (Kirillov et al. 2023, figure 14): tokens and the image embedding attend to each other twice, then
// the embedding is upscaled and each mask token gives the vector that its mask is a product with. Follows transformers'
// models/sam/modeling_sam.py; weights under its names. N = h * w places of the embedding, T tokens, P prompts, M masks.
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { activation, add, layerNorm, linear, project } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { SamConfig } from "./config.ts";
import { imagePositions, maskEmbedding } from "./promptEncoder.ts";

/** What the first layer computes of a picture alone; without a mask prompt it is the same for all prompts. */
export interface SamImage {
  /** The embedding with the mask prompt's: [1, N, C], or [P, N, C] with masks. */
  readonly map: Value;
  /** Its queries, and its keys and values: the same batch, channels / attention_downsample_rate. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

export interface SamMasks {
  /** Logits [P, M, 4 h, 4 w]: the single mask, then those of multimask. */
  readonly lowResMasks: Value;
  /** IoU as the model predicts it [P, M]. */
  readonly iouScores: Value;
}

const FINAL_EPS = 1e-5; // of the last norm, PyTorch's default
const UPSCALE_EPS = 1e-6;

/** embedding [1, N, C]; masks [P, 4 h, 4 w, 1] where there is a mask prompt. */
export function samImage(embedding: Value, weights: Weights, config: SamConfig, masks?: Value): SamImage {
  const { graph } = embedding;
  const [, N = 0, C = 0] = embedding.shape;
  const dense = masks
    ? maskEmbedding(masks, weights, config)
    : graph.reshape(weights.get("prompt_encoder.no_mask_embed.weight", [1, C]), [1, 1, C]);
  const map = add(dense.shape[0] === 1 ? embedding : graph.reshape(embedding, [N, C]), dense);
  const w = weights.at("mask_decoder.transformer.layers.0");
  const positions = imagePositions(weights, config);
  return {
    map,
    q: placed(map, positions, w.at("cross_attn_image_to_token.q_proj")),
    k: placed(map, positions, w.at("cross_attn_token_to_image.k_proj")),
    v: linear(map, w.at("cross_attn_token_to_image.v_proj")),
  };
}

/** tokens [P, T, C], see promptTokens. */
export function samDecoder(tokens: Value, image: SamImage, weights: Weights, config: SamConfig): SamMasks {
  const w = weights.at("mask_decoder");
  const { x, map } = twoWayTransformer(tokens, image, imagePositions(weights, config), w.at("transformer"), config);
  const M = 1 + config.decoder.num_multimask_outputs;
  const { single, vectors } = decoderHeads(x, w, ["iou_prediction_head"], M);
  const upscaled = upscale(map, w); // [P, 16 N, C / 8]
  return { lowResMasks: masksOf(upscaled, vectors, config), iouScores: single[0] as Value };
}

/** Each vector [M, P, C / 8] times each place of the upscaled map [P, 16 N, C / 8]: logits [P, M, 4 h, 4 w]. */
export function masksOf(upscaled: Value, vectors: Value, { image_embedding_size: side }: SamConfig): Value {
  const [M = 0, P = 0] = vectors.shape;
  const columns = ops.transpose({ x: swapped(vectors) }, { padTo: 4 });
  const logits = ops.matmul({ a: upscaled, b: columns }, { n: M }); // [P, 16 N, M]
  const byPlace = upscaled.graph.reshape(logits, [P, side * side, 16, M]);
  return ops.pixelShuffle({ x: byPlace }, { grid: [side, side], levels: 2 });
}

/** Two layers of attention between tokens and map, and a last one of the tokens. */
export function twoWayTransformer(tokens: Value, image: SamImage, positions: Value, w: Weights, config: SamConfig) {
  const { num_hidden_layers, layer_norm_eps: eps, hidden_act } = config.decoder;
  const heads = config.decoder.num_attention_heads;
  let x = tokens;
  let { map } = image;
  let queries = tokens; // x with the tokens' own code, which are the tokens that came in
  for (let i = 0; i < num_hidden_layers; i++) {
    const l = w.at(`layers.${i}`);
    const norm = (y: Value, j: number) => layerNorm(y, l.at(`layer_norm${j}`), eps);
    const attended = selfAttention(i === 0 ? x : queries, x, l.at("self_attn"), heads);
    x = norm(i === 0 ? attended : add(x, attended), 1); // the first layer's has no residual
    const toImage = l.at("cross_attn_token_to_image");
    const [k, v] = i === 0 ? [image.k, image.v] : keysAndValues(map, positions, toImage);
    x = norm(add(x, crossAttention(add(x, tokens), k, v, toImage, heads)), 2);
    x = norm(add(x, linear(activation(linear(x, l.at("mlp.lin1")), hidden_act), l.at("mlp.lin2"))), 3);
    queries = add(x, tokens);
    const toTokens = l.at("cross_attn_image_to_token");
    const q = i === 0 ? image.q : placed(map, positions, toTokens.at("q_proj"));
    const [tokenK, tokenV] = [linear(queries, toTokens.at("k_proj")), linear(x, toTokens.at("v_proj"))];
    map = norm(addToEach(map, linear(attend(q, tokenK, tokenV, heads), toTokens.at("out_proj"))), 4);
  }
  const last = w.at("final_attn_token_to_image");
  const [k, v] = keysAndValues(map, positions, last);
  x = layerNorm(add(x, crossAttention(queries, k, v, last, heads)), w.at("layer_norm_final_attn"), FINAL_EPS);
  return { x, map };
}

function selfAttention(qk: Value, x: Value, w: Weights, heads: number): Value {
  const [q, k, v] = [linear(qk, w.at("q_proj")), linear(qk, w.at("k_proj")), linear(x, w.at("v_proj"))];
  return linear(attend(q, k, v, heads), w.at("out_proj"));
}

function crossAttention(queries: Value, k: Value, v: Value, w: Weights, heads: number): Value {
  return linear(attend(linear(queries, w.at("q_proj")), k, v, heads), w.at("out_proj"));
}

function keysAndValues(map: Value, positions: Value, w: Weights): [Value, Value] {
  return [placed(map, positions, w.at("k_proj")), linear(map, w.at("v_proj"))];
}

/** (map + positions)·W + b, the positions' share of it computed once, at load. */
function placed(map: Value, positions: Value, w: Weights): Value {
  return add(project(map, w.get("weight")), linear(positions, w));
}

/** Attention where either side may have a batch of 1 for all prompts. */
function attend(q: Value, k: Value, v: Value, heads: number): Value {
  const { graph, dtype } = q;
  const [queries = 0, T = 0, C = 0] = q.shape;
  const [keys = 0] = k.shape;
  if (queries === keys) return ops.attention({ q, k, v }, { heads });
  if (keys === 1) {
    const all = graph.reshape(q, [1, queries * T, C]); // prompts look at one picture: as one long list of queries
    return graph.reshape(ops.attention({ q: all, k, v }, { heads }), [queries, T, C]);
  }
  const data = dtype === "f16" ? new Uint16Array(keys) : new Float32Array(keys);
  const repeated = add(q, graph.constant({ dtype, shape: [keys, 1, 1] }, data));
  return ops.attention({ q: repeated, k, v }, { heads });
}

/** map [1 or P, N, C] + y [P, N, C]. */
function addToEach(map: Value, y: Value): Value {
  return add(map.shape[0] === 1 ? map.graph.reshape(map, map.shape.slice(1)) : map, y);
}

/** [A, B, C] to [B, A, C]. */
function swapped(x: Value): Value {
  const [A = 0, B = 0, C = 0] = x.shape;
  return A === 1 || B === 1 ? x.graph.reshape(x, [B, A, C]) : ops.permute({ x }, { dims: [1, 0, 2] });
}

/**
 * The heads of the first tokens: one for each name, which gives [P, its outputs], then M that give the vector of a
 * mask, [M, P, C / 8]. Three linear layers with ReLU between them, alike but for the last, so that the first two of all
 * heads are one product each.
 */
export function decoderHeads(
  x: Value,
  w: Weights,
  names: readonly string[],
  M: number,
): { single: readonly Value[]; vectors: Value } {
  const { graph } = x;
  const [P = 0, , C = 0] = x.shape;
  const masks = Array.from({ length: M }, (_, i) => w.at(`output_hypernetworks_mlps.${i}`));
  const singles = names.map((name) => w.at(name));
  const all = [...singles, ...masks];
  const length = all.length;
  const tokens = P === 1 ? graph.view(x, [1, length, C]) : ops.narrow({ x }, { axis: 1, start: 0, length });
  let y = swapped(tokens); // [heads, P, C]
  for (const name of ["proj_in", "layers.0"]) {
    y = activation(
      linearEach(
        y,
        all.map((layer) => layer.at(name)),
      ),
      "relu",
    );
  }
  const hidden = (i: number) =>
    i === 0 ? graph.firstRows(y, 1) : ops.narrow({ x: y }, { axis: 0, start: i, length: 1 });
  const rest = ops.narrow({ x: y }, { axis: 0, start: singles.length, length: M });
  return {
    single: singles.map((layer, i) => linear(graph.reshape(hidden(i), [P, C]), layer.at("proj_out"))),
    vectors: linearEach(
      rest,
      masks.map((layer) => layer.at("proj_out")),
    ),
  };
}

/** A linear layer of its own for each of the first axis: x [A, P, in] gives [A, P, out]. */
function linearEach(x: Value, layers: readonly Weights[]): Value {
  const { graph } = x;
  const n = layers[0]?.shape("weight")[0] as number;
  const [A = 0, , inputs = 0] = x.shape;
  const packed = layers.map((layer) => ops.transpose({ x: layer.get("weight", [n, inputs]) }, { padTo: 4 }));
  const b = graph.reshape(joined(packed), [A, inputs, packed[0]?.shape[1] as number]);
  const bias = graph.reshape(joined(layers.map((layer) => layer.get("bias", [n]))), [A, n]);
  return ops.matmul({ a: x, b, bias }, { n });
}

function joined(values: readonly Value[]): Value {
  return values.reduce((a, b) => ops.concat({ a, b }, { axis: 0 }));
}

/**
 * Two transposed convolutions of stride and kernel 2, each a product that gives four parts of every place; the parts
 * stay beside each other: map [P, N, C] gives [P, N * 4 * 4, C / 8]. SAM 2 adds what is given to each.
 */
export function upscale(map: Value, w: Weights, add1 = asItIs, add2 = asItIs): Value {
  let x = add1(parts(transposedConvolution(map, w.at("upscale_conv1")))); // [P, N * 4, C / 4]
  x = activation(layerNorm(x, w.at("upscale_layer_norm"), UPSCALE_EPS), "gelu");
  return activation(add2(parts(transposedConvolution(x, w.at("upscale_conv2")))), "gelu");
}

function asItIs(x: Value): Value {
  return x;
}

/** nn.ConvTranspose2d, weight [C, O, 2, 2]: x [P, N, C] gives [P, N, 4 * O], parts in the order (row, column). */
function transposedConvolution(x: Value, w: Weights): Value {
  const { graph } = x;
  const weight = w.get("weight", [x.shape[2], undefined, 2, 2]);
  const [C = 0, O = 0] = weight.shape;
  const b = graph.reshape(ops.permute({ x: weight }, { dims: [0, 2, 3, 1] }), [C, 4 * O]);
  const bias = w.get("bias", [O]);
  return ops.matmul({ a: x, b, bias: joined([bias, bias, bias, bias]) });
}

/** [P, N, 4 * O] to [P, N * 4, O] */
function parts(x: Value): Value {
  const [P = 0, N = 0, O = 0] = x.shape;
  return x.graph.reshape(x, [P, N * 4, O / 4]);
}
