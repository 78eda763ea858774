// nn.Conv2d and the nn.BatchNorm2d after it, as ResNets have them.
import { lastDim } from "../device/tensor.ts";
import type { Value } from "../graph/graph.ts";
import { batchNorm } from "../graph/moreOps.ts";
import * as ops from "../graph/ops.ts";
import type { ConvolutionParams } from "./convolution.ts";
import type { Weights } from "./weights.ts";

const NORM_EPS = 1e-5; // of every published BatchNorm2d

/** nn.Conv2d and nn.BatchNorm2d as one convolution: folded at load, in f32 whatever the model computes in. */
export function convNorm(x: Value, conv: Weights, norm: Weights, params: ConvolutionParams = {}): Value {
  const dtype = conv.dtype;
  const weight = conv.as("f32").get("weight", [undefined, lastDim(x) / (params.groups ?? 1), undefined, undefined]);
  const O = weight.shape[0] as number;
  const statistic = (name: string) => norm.as("f32").get(name, [O]);
  const [gamma, beta] = [statistic("weight"), statistic("bias")];
  const [mean, variance] = [statistic("running_mean"), statistic("running_var")];
  const zeros = x.graph.constant({ dtype: "f32", shape: [O] }, new Float32Array(O));
  const bias = conv.has("bias") ? conv.as("f32").get("bias", [O]) : zeros;
  return ops.conv2d(
    {
      x,
      weight: batchNorm({ x: weight, variance, gamma }, { eps: NORM_EPS, dtype }),
      bias: batchNorm({ x: bias, variance, mean, gamma, beta }, { eps: NORM_EPS, dtype }),
    },
    params,
  );
}
