// RepViT, EdgeTAM's backbone (Wang et al. 2023): four stages of depthwise 3x3 convolutions that mix places and 1x1 ones
// that mix channels. What was trained as branches and norms runs as one convolution. Follows timm's models/repvit.py;
// weights under its names as features_only has them.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { batchNorm, meanPool } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { convNorm, foldedNorm, NORM_EPS, normStatistics } from "../convNorm.ts";
import type { ConvolutionParams } from "../convolution.ts";
import { activation, add, project } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { RepVitConfig } from "./config.ts";

/** pixels [1, S, S, 3], normalised, to the map after each stage: [1, S / 4, S / 4, C], [1, S / 8, S / 8, C'] … */
export function repVit(pixels: Value, weights: Weights, config: RepVitConfig): Value[] {
  const w = weights.at("vision_encoder.backbone.timm_model");
  let x = activation(convBn(pixels, w.at("stem.conv1"), { stride: 2, padding: 1 }), "gelu");
  x = convBn(x, w.at("stem.conv2"), { stride: 2, padding: 1 }); // [1, S / 4, S / 4, C]
  return config.depth.map((depth, i) => {
    const stage = w.at(`stages_${i}`);
    if (i > 0) x = downsample(x, stage.at("downsample"), config);
    for (let j = 0; j < depth; j++) x = block(x, stage.at(`blocks.${j}`), config, j % 2 === 0);
    return x;
  });
}

/** x [1, h, w, C] to the next stage's channels, at half the size: [1, h / 2, w / 2, C']. */
function downsample(x: Value, w: Weights, config: RepVitConfig): Value {
  x = block(x, w.at("pre_block"), config, false);
  x = convBn(x, w.at("spatial_downsample"), { stride: 2, padding: 1, groups: lastDim(x) });
  x = convBn(x, w.at("channel_downsample"));
  return add(x, mlp(x, w.at("ffn")));
}

/** x [1, h, w, C] gives the same. */
function block(x: Value, w: Weights, config: RepVitConfig, hasSqueezeExcite: boolean): Value {
  x = tokenMixer(x, w.at("token_mixer"), config);
  if (hasSqueezeExcite) x = squeezeExcite(x, w.at("se"));
  return add(x, mlp(x, w.at("channel_mixer")));
}

function mlp(x: Value, w: Weights): Value {
  return convBn(activation(convBn(x, w.at("conv1")), "gelu"), w.at("conv2"));
}

function convBn(x: Value, w: Weights, params: ConvolutionParams = {}): Value {
  return convNorm(x, w.at("c"), w.at("bn"), params);
}

/** A 3x3 and a 1x1 depthwise convolution and x itself, added (RepVGG, Ding et al. 2021): one 3x3 at load, in f32. */
function tokenMixer(x: Value, w: Weights, { legacy }: RepVitConfig): Value {
  const { graph } = x;
  const C = lastDim(x);
  const square = foldedNorm(w.at("conv.c"), w.at("conv.bn"), 1);
  const point = legacy
    ? foldedNorm(w.at("conv1.c"), w.at("conv1.bn"), 1)
    : {
        weight: w.as("f32").get("conv1.weight", [C, 1, 1, 1]),
        bias: w.as("f32").get("conv1.bias", [C]),
      };
  const constant = (shape: readonly number[], data: readonly number[]) =>
    graph.constant({ dtype: "f32", shape }, Float32Array.from(data));
  const point1 = add(point.weight, constant([1], [1])); // with x itself
  const centre = constant([1, 9], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
  const atCentre = scaled(centre, graph.reshape(point1, [C, 1])); // [C, 9]
  const weight = add(square.weight, graph.reshape(atCentre, [C, 1, 3, 3]));
  const bias = add(square.bias, point.bias);
  // The norm after all branches; of a variance of 1, where there is none.
  const none: Partial<ReturnType<typeof normStatistics>> = {};
  const {
    mean,
    gamma,
    beta,
    variance = constant([C], Array(C).fill(1)),
  } = legacy ? none : normStatistics(w.at("bn"), C);
  const params = { eps: legacy ? 0 : NORM_EPS, dtype: w.dtype };
  return ops.conv2d(
    {
      x,
      weight: batchNorm({ x: weight, variance, gamma }, params),
      bias: batchNorm({ x: bias, variance, mean, gamma, beta }, params),
    },
    { padding: 1, groups: C },
  );
}

function scaled(x: Value, by: Value): Value {
  return ops.binary({ a: x, b: by }, { op: "mul" });
}

/** Weighs each channel by what all places of all channels say (Hu et al. 2018). */
function squeezeExcite(x: Value, w: Weights): Value {
  const { graph } = x;
  const [, H = 0, W = 0, C = 0] = x.shape;
  const ofRows = meanPool({ x: graph.reshape(x, [H, W, C]) }); // [H, C]: a sum over all places at once is one long loop
  const mean = meanPool({ x: graph.reshape(ofRows, [1, H, C]) }); // [1, C]
  const hidden = activation(pointwise(mean, w.at("fc1")), "relu");
  return scaled(x, activation(pointwise(hidden, w.at("fc2")), "sigmoid"));
}

/** nn.Conv2d of 1x1 on rows: x [n, C] gives [n, O]. */
function pointwise(x: Value, w: Weights): Value {
  const C = lastDim(x);
  const weight = w.get("weight", [undefined, C, 1, 1]);
  const O = weight.shape[0] as number;
  return project(x, x.graph.reshape(weight, [O, C]), w.get("bias", [O]));
}
