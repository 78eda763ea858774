// EdgeTAM's spatial perceiver (Zhou et al. 2025, figure 3; Jaegle et al. 2021): the memory of a frame becomes a few
// latents, of which some look at all of its map and each of the others at a window. Follows transformers'
// models/edgetam_video/modeling_edgetam_video.py; weights under its names. L latents, M channels.
import { type Shape, sizeOf } from "../../device/tensor.ts";
import type { Graph, Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { floatArray } from "../exampleInputs.ts";
import type { FloatType } from "../family.ts";
import { activation, add, layerNorm, linear } from "../layers.ts";
import { toWindows } from "../sam2/hiera.ts";
import { sinePositions } from "../sam2/positions.ts";
import type { Weights } from "../weights.ts";
import type { PerceiverConfig } from "./config.ts";

const EPS = 1e-5; // PyTorch's default

/** Memories [B, h, h, M] to the latents that look at all of each, then those of windows: [B, L, M]. */
export function spatialPerceiver(memory: Value, weights: Weights, config: PerceiverConfig): Value {
  const w = weights.at("spatial_perceiver");
  const { perceiver_resampler_num_latents: whole, perceiver_resampler_num_latents_2d: windows } = config;
  const { graph } = memory;
  const [B = 0, h = 0, , M = 0] = memory.shape;
  const side = h / Math.sqrt(windows);
  const ofEach = (latents: Value) => (B === 1 ? latents : add(latents, zeros(graph, [B, 1, 1], weights.dtype)));
  const single = graph.reshape(ofEach(w.get("latents_2d", [windows, M])), [B * windows, 1, M]);
  const ofWindows = resampled(single, toWindows(memory, side), undefined, w, config);
  const inOrder = graph.reshape(ofWindows, [B, windows, M]); // of windows row by row
  const places = graph.reshape(memory, [B, h * h, M]);
  const code = graph.reshape(sinePositions(graph, h, M, weights.dtype), [1, h * h, M]);
  const latents = ofEach(graph.reshape(w.get("latents_1d", [whole, M]), [1, whole, M]));
  return ops.concat({ a: resampled(latents, places, code, w, config), b: inOrder }, { axis: 1 });
}

/** Codes of the latents' places: none of those that look at all. [L, M] */
export function latentPositions(graph: Graph, config: PerceiverConfig, M: number, dtype: FloatType): Value {
  const { perceiver_resampler_num_latents: whole, perceiver_resampler_num_latents_2d: windows } = config;
  const none = zeros(graph, [whole, M], dtype);
  return ops.concat({ a: none, b: sinePositions(graph, Math.sqrt(windows), M, dtype) }, { axis: 0 });
}

function zeros(graph: Graph, shape: Shape, dtype: FloatType): Value {
  return graph.constant({ dtype, shape }, floatArray(new Float32Array(sizeOf(shape)), dtype));
}

/** latents [B, L, M] that look at places [B, n, M], and then at each other. */
function resampled(latents: Value, places: Value, code: Value | undefined, w: Weights, config: PerceiverConfig): Value {
  let x = latents;
  for (let i = 0; i < config.perceiver_resampler_num_layers; i++) {
    const layer = w.at(`layers.${i}`);
    const [cross, own] = [layer.at("cross_attention"), layer.at("self_attention")];
    const seen = layerNorm(places, layer.at("layer_norm_input"), EPS);
    const placed = (y: Value) => (code ? add(y, code) : y);
    const [k, v] = [placed(linear(seen, cross.at("k_proj"))), placed(linear(seen, cross.at("v_proj")))];
    const q = linear(layerNorm(x, layer.at("layer_norm_latents"), EPS), cross.at("q_proj"));
    x = add(x, linear(ops.attention({ q, k, v }, { heads: 1 }), cross.at("o_proj")));
    x = add(x, mlp(x, layer.at("mlp")));
    x = add(x, selfAttention(layerNorm(x, layer.at("layer_norm_self"), EPS), own));
    x = add(x, mlp(x, layer.at("self_mlp")));
  }
  return layerNorm(x, w.at("layer_norm"), EPS);
}

/** Among latents [B, L, M]; that of a window is alone, and its softmax is 1. */
function selfAttention(x: Value, w: Weights): Value {
  const v = linear(x, w.at("v_proj"));
  if (x.shape[1] === 1) return linear(v, w.at("o_proj"));
  const [q, k] = [linear(x, w.at("q_proj")), linear(x, w.at("k_proj"))];
  return linear(ops.attention({ q, k, v }, { heads: 1 }), w.at("o_proj"));
}

function mlp(x: Value, w: Weights): Value {
  const hidden = activation(linear(layerNorm(x, w.at("layer_norm"), EPS), w.at("up_proj")), "gelu");
  return linear(hidden, w.at("down_proj")); // [B, L, M] -> [B, L, mlp] -> [B, L, M]
}
