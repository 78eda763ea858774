// The second half of a product whose K is split over workgroups (matmul, conv2d): the parts are added in order, so that
// the result is the same every time, and their epilogue follows.
import { ShapeError } from "../device/errors.ts";
import { formatShape, lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { flat, flatWorkgroups } from "./axes.ts";
import { type EpilogueParams, epilogueLaunch, expectEpilogue, residualRows, withEpilogue } from "./epilogue.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export type SplitSumParams = EpilogueParams;

function result({ dtype, shape }: Spec): Spec {
  return { dtype, shape: shape.slice(1) };
}

// Loaded where it is launched: few products are split, and those on GPUs alone.
const source: LazySource = () => import("../../shaders/splitSum.wgsl");

export const splitSum = /* @__PURE__ */ defineKernel<SplitSumParams>()({
  name: "splitSum",
  wgsl: /* @__PURE__ */ withEpilogue(...flat, source),
  inputs: ["parts", "bias", "scale", "residual"],
  optional: ["bias", "scale", "residual"],
  params: { count: "u32", rows: "u32", N: "u32", N4: "u32", splits: "u32", residualRows: "u32" },
  output: ({ parts, bias, scale, residual }) => {
    if (parts.shape.length < 2)
      throw new ShapeError(`[splitSum] parts ${formatShape(parts.shape)} must be [splits, …, N]`);
    const y = result(parts);
    expectEpilogue("splitSum", { bias, scale, residual }, rowsOf(y), lastDim(y));
    return y;
  },
  launch: ({ parts, bias, scale, residual }, params) => {
    const y = result(parts);
    const [rows, N] = [rowsOf(y), lastDim(y)];
    const N4 = Math.ceil(N / 4);
    const epilogue = epilogueLaunch({ bias, scale, residual }, params, N);
    return {
      params: { count: rows * N4, rows, N, N4, splits: parts.shape[0] ?? 0, residualRows: residualRows({ residual }) },
      types: { Elem: parts.dtype, ...epilogue.types },
      lib: epilogue.lib,
      overrides: { ...epilogue.overrides },
      workgroups: flatWorkgroups(rows * N4),
    };
  },
  flops: ({ parts }) => sizeOf(parts.shape),
});
