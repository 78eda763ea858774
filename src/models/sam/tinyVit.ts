// MobileSAM's image encoder: TinyViT (Wu et al. 2022) with SAM's neck (Zhang et al. 2023). Convolutions at the first
// resolution, then attention in windows with a table of biases, and a depthwise convolution in each block.
// Follows ChaoningZhang/MobileSAM: mobile_sam/modeling/tiny_vit_sam.py; weights under its names. Loaded where a
// checkpoint has it.
import { toHalfArray } from "../../device/half.ts";
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { convNorm } from "../convNorm.ts";
import type { ConvolutionParams } from "../convolution.ts";
import { activation, add, layerNorm, linear, project } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { TinyVitConfig } from "./config.ts";
import { samNeck } from "./imageEncoder.ts";
import { defineEncoder } from "./parts.ts";

const LAYER_NORM_EPS = 1e-5;
// Widths to which a map is brought without halving it, so that the last stage sees as much as the one before.
const KEEPS_SIZE = [320, 448, 576];

/** As encoderPart of parts.ts, of MobileSAM. */
export const tinyVitPart = /* @__PURE__ */ defineEncoder("mobile sam encoder", (pixels, weights, { vision }) => {
  return tinyVitEncoder(pixels, weights, vision as TinyVitConfig);
});

/**
 * pixels [B, S, S, 3], normalised, to the image embedding [B, S / 16, S / 16, output_channels]. `onStage` is given the
 * map [B, h, w, C] that goes into the stages, and those after each.
 */
export function tinyVitEncoder(
  pixels: Value,
  weights: Weights,
  config: TinyVitConfig,
  onStage?: (x: Value) => void,
): Value {
  const w = weights.at("image_encoder");
  let x = gelu(convBn(pixels, w.at("patch_embed.seq.0"), { stride: 2, padding: 1 }));
  x = convBn(x, w.at("patch_embed.seq.2"), { stride: 2, padding: 1 }); // [B, S / 4, S / 4, C]
  onStage?.(x);
  for (const [i, depth] of config.depths.entries()) {
    const stage = w.at(`layers.${i}`);
    for (let j = 0; j < depth; j++) x = i === 0 ? mbConv(x, stage.at(`blocks.${j}`)) : block(x, stage, i, j, config);
    if (i + 1 < config.depths.length) x = merge(x, stage.at("downsample"));
    onStage?.(x);
  }
  return samNeck(x, weights.at("vision_encoder.neck"));
}

function convBn(x: Value, w: Weights, params: ConvolutionParams = {}): Value {
  return convNorm(x, w.at("c"), w.at("bn"), params);
}

function gelu(x: Value): Value {
  return activation(x, "gelu");
}

/** 3x3, each channel by itself. */
function depthwise(x: Value, w: Weights, stride = 1): Value {
  return convBn(x, w, { padding: 1, stride, groups: lastDim(x) });
}

/** MobileNetV2's inverted bottleneck: to four times the channels and back. */
function mbConv(x: Value, w: Weights): Value {
  const wide = gelu(convBn(x, w.at("conv1")));
  const y = convBn(gelu(depthwise(wide, w.at("conv2"))), w.at("conv3"));
  return gelu(add(x, y));
}

/** To the next stage's channels, at half the size. */
function merge(x: Value, w: Weights): Value {
  const y = gelu(convBn(x, w.at("conv1")));
  const stride = KEEPS_SIZE.includes(lastDim(y)) ? 1 : 2;
  return convBn(gelu(depthwise(y, w.at("conv2"), stride)), w.at("conv3"));
}

function block(x: Value, stage: Weights, i: number, j: number, config: TinyVitConfig): Value {
  const w = stage.at(`blocks.${j}`);
  x = add(x, attention(x, w.at("attn"), config.num_heads[i] as number, config.window_sizes[i] as number));
  x = depthwise(x, w.at("local_conv"));
  const mlp = w.at("mlp");
  return add(x, linear(gelu(linear(layerNorm(x, mlp.at("norm"), LAYER_NORM_EPS), mlp.at("fc1"))), mlp.at("fc2")));
}

/**
 * Attention in windows. The map ends in zeros before the norm, so that their q, k and v are those of the norm's bias.
 */
function attention(x: Value, w: Weights, heads: number, window: number): Value {
  const { graph } = x;
  const [B = 0, H = 0, W = 0, C = 0] = x.shape;
  const [weight, bias] = [packed(w.get("qkv.weight", [3 * C, C]), heads), packed(w.get("qkv.bias", [3 * C]), heads)];
  const normed = layerNorm(graph.reshape(x, [B, H * W, C]), w.at("norm"), LAYER_NORM_EPS);
  const qkv = project(normed, weight, bias); // [B, N, 3C]
  const beyond = graph.reshape(w.get("norm.bias", [C]), [1, C]);
  const inputs = {
    ...{ q: qkv, k: qkv, v: qkv },
    pad: graph.reshape(project(beyond, weight, bias), [3 * C]),
    bias: differences(w.get("attention_biases", [heads, window * window]), window),
  };
  const params = { heads, grid: [H, W] as const, window, channels: C, kOffset: C, vOffset: 2 * C };
  return graph.reshape(linear(ops.attention(inputs, params), w.at("proj")), [B, H, W, C]);
}

/** From biases of distances [heads, window * window] to those of differences [heads, 2 window - 1, 2 window - 1]. */
function differences(biases: Value, window: number): Value {
  const { graph, dtype } = biases;
  const side = 2 * window - 1;
  const apart = Array.from({ length: side }, (_, i) => Math.abs(i - window + 1));
  const distances = apart.flatMap((down) => apart.map((across) => down * window + across));
  // One 1 a row: products with it are the biases themselves.
  const chosen = distances.flatMap((distance) => Array.from({ length: window ** 2 }, (_, i) => +(i === distance)));
  const data = dtype === "f16" ? toHalfArray(chosen) : Float32Array.from(chosen);
  const weight = graph.constant({ dtype, shape: [side ** 2, window ** 2] }, data);
  return graph.reshape(project(biases, weight), [biases.shape[0] as number, side, side]);
}

/** From [q | k | v] of each head to q of all heads, then k, then v: rows of a weight or of a bias. */
function packed(x: Value, heads: number): Value {
  const rows = x.shape[0] as number;
  const parts = x.graph.reshape(x, [heads, 3, (rows / (3 * heads)) * (x.shape[1] ?? 1)]);
  return x.graph.reshape(ops.permute({ x: parts }, { dims: [1, 0, 2] }), x.shape);
}
