// The second half of a matmul or conv2d whose K is split over workgroups: the parts are added in order, so that the
// result is the same every time, and bias, activation, layer scale and residual follow as in their own epilogues.
import activationSource from "../../shaders/lib/activation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, type Spec, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { FLAT_THREADS } from "./axes.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface SplitSumParams {
  /** Before layer scale and residual; none when absent. */
  readonly activation?: Activation;
  /** After layer scale and residual. */
  readonly outputActivation?: Activation;
}

function result({ dtype, shape }: Spec): Spec {
  return { dtype, shape: shape.slice(1) };
}

// Loaded where it is launched: few products are split, and those on GPUs alone.
const source: LazySource = { name: "splitSum", load: () => import("../../shaders/splitSum.wgsl") };

export const splitSum = /* @__PURE__ */ defineKernel<SplitSumParams>()({
  name: "splitSum",
  wgsl: [activationSource, nanSource, source],
  inputs: ["parts", "bias", "scale", "residual"],
  optional: ["bias", "scale", "residual"],
  params: { count: "u32", N: "u32", splits: "u32", residualCount: "u32" },
  output: ({ parts, bias, scale, residual }) => {
    const y = result(parts);
    const N = lastDim(y);
    if (parts.shape.length < 2)
      throw new ShapeError(`[splitSum] parts ${formatShape(parts.shape)} must be [splits, …, N]`);
    if (bias) expectShape("splitSum", "bias", bias.shape, [N], "columns of parts");
    if (scale) expectShape("splitSum", "scale", scale.shape, [N], "columns of parts");
    if (residual && (lastDim(residual) !== N || sizeOf(y.shape) % sizeOf(residual.shape) !== 0)) {
      throw new ShapeError(
        `[splitSum] residual ${formatShape(residual.shape)} does not repeat into ${formatShape(y.shape)}`,
      );
    }
    return y;
  },
  launch: ({ parts, bias, scale, residual }, { activation = "none", outputActivation = "none" }) => {
    const y = result(parts);
    const count = sizeOf(y.shape);
    return {
      params: {
        count,
        N: lastDim(y),
        splits: parts.shape[0] ?? 0,
        residualCount: residual ? sizeOf(residual.shape) : 1,
      },
      types: { Elem: parts.dtype },
      overrides: {
        WG: FLAT_THREADS,
        ACTIVATION: ACTIVATIONS[activation],
        OUTPUT_ACTIVATION: ACTIVATIONS[outputActivation],
        HAS_BIAS: bias ? 1 : 0,
        HAS_SCALE: scale ? 1 : 0,
        HAS_RESIDUAL: residual ? 1 : 0,
      },
      workgroups: foldWorkgroups(Math.ceil(count / FLAT_THREADS)),
    };
  },
  flops: ({ parts }) => sizeOf(parts.shape),
});
