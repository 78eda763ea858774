// Layer normalisation over the last axis (torch.nn.functional.layer_norm), of all rows or of every `step`th one.

import source from "../../shaders/layerNorm.wgsl";
import activationSource from "../../shaders/lib/activation.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { expectShape, lastDim, rowsOf, type Spec } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface LayerNormParams {
  /** Added to the variance. */
  readonly eps: number;
  /** Take only row `start`, `start + step`, … of x: x [B, T, C] with step T gives [B, C]. All rows when absent. */
  readonly start?: number;
  /** See `start`. */
  readonly step?: number;
  /** Applied to the result; none when absent. */
  readonly activation?: Activation;
}

function shape(x: Spec, { step }: LayerNormParams): readonly number[] {
  return step === undefined ? x.shape : [Math.ceil(rowsOf(x) / step), lastDim(x)];
}

function rows(x: Spec, params: LayerNormParams): number {
  return rowsOf({ dtype: x.dtype, shape: shape(x, params) });
}

const rowLoop: LazySource = () => import("../../shaders/lib/layerNormRows.wgsl");

const rowVectors: LazySource = () => import("../../shaders/lib/layerNormVectors.wgsl");

const rowPerLane: LazySource = () => import("../../shaders/lib/layerNormLanes.wgsl");

export const layerNorm = /* @__PURE__ */ defineKernel<LayerNormParams>()({
  name: "layerNorm",
  wgsl: [invocationSource, activationSource, nanSource, reduceSource, source],
  inputs: ["x", "gamma", "beta"],
  params: { rows: "u32", cols: "u32", start: "u32", step: "u32", eps: "f32" },
  output: ({ x, gamma, beta }, params) => {
    expectShape("layerNorm", "gamma", gamma.shape, [lastDim(x)], "last axis of x");
    expectShape("layerNorm", "beta", beta.shape, [lastDim(x)], "last axis of x");
    return { dtype: x.dtype, shape: shape(x, params) };
  },
  launch: ({ x }, params) => ({
    params: {
      rows: rows(x, params),
      cols: lastDim(x),
      start: params.start ?? 0,
      step: params.step ?? 1,
      eps: params.eps,
    },
    types: { Elem: x.dtype },
    overrides: { ACTIVATION: ACTIVATIONS[params.activation ?? "none"] },
  }),
  variants: ({ x }, params) =>
    rowVariants({ rows: rows(x, params), columns: lastDim(x), rowLoop, rowPerLane, rowVectors }),
  flops: ({ x }) => 8 * rowsOf(x) * lastDim(x),
});
