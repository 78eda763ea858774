// nn.Conv2d and the nn.BatchNorm2d after it, as ResNets have them.
import { lastDim } from "../device/tensor.ts";
import type { Value } from "../graph/graph.ts";
import { batchNorm } from "../graph/moreOps.ts";
import * as ops from "../graph/ops.ts";
import type { ConvolutionParams } from "./convolution.ts";
import type { FloatType } from "./family.ts";
import type { Weights } from "./weights.ts";

/** Of every published BatchNorm2d. */
export const NORM_EPS = 1e-5;

/** nn.Conv2d and nn.BatchNorm2d as one convolution: folded at load, in f32 whatever the model computes in. */
export function convNorm(x: Value, conv: Weights, norm: Weights, params: ConvolutionParams = {}): Value {
  return ops.conv2d({ x, ...foldedNorm(conv, norm, lastDim(x) / (params.groups ?? 1), conv.dtype) }, params);
}

/** Weight [O, inputs, KH, KW] and bias [O] of that one convolution. */
export function foldedNorm(conv: Weights, norm: Weights, inputs: number, dtype: FloatType = "f32") {
  const weight = conv.as("f32").get("weight", [undefined, inputs, undefined, undefined]);
  const O = weight.shape[0] as number;
  const { mean, variance, gamma, beta } = normStatistics(norm, O);
  const zeros = () => weight.graph.constant({ dtype: "f32", shape: [O] }, new Float32Array(O));
  const bias = conv.has("bias") ? conv.as("f32").get("bias", [O]) : zeros();
  return {
    weight: batchNorm({ x: weight, variance, gamma }, { eps: NORM_EPS, dtype }),
    bias: batchNorm({ x: bias, variance, mean, gamma, beta }, { eps: NORM_EPS, dtype }),
  };
}

/** What an nn.BatchNorm2d of `count` channels keeps, in f32. */
export function normStatistics(norm: Weights, count: number) {
  const statistic = (name: string) => norm.as("f32").get(name, [count]);
  const [mean, variance] = [statistic("running_mean"), statistic("running_var")];
  return { mean, variance, gamma: statistic("weight"), beta: statistic("bias") };
}
