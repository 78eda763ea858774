// nn.Conv2d as a function of a value and the weights below a name.
import { lastDim } from "../device/tensor.ts";
import type { Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import type { Weights } from "./weights.ts";

export interface ConvolutionParams {
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
}

/** nn.Conv2d: weight [O, C / groups, KH, KW], and bias [O] when there is one. x [B, H, W, C] gives [B, OH, OW, O]. */
export function convolution(x: Value, w: Weights, params: ConvolutionParams = {}): Value {
  const weight = w.get("weight", [undefined, lastDim(x) / (params.groups ?? 1), undefined, undefined]);
  const bias = w.has("bias") ? w.get("bias", [weight.shape[0]]) : undefined;
  return ops.conv2d({ x, weight, bias }, params);
}
