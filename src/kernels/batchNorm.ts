// Batch normalisation with stored statistics (torch.nn.functional.batch_norm with training=False) over the first axis:
// what folds it into the convolution before it. A weight [O, C, KH, KW] is scaled by it without mean and beta; a bias
// [O] goes through all of it.

import { expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, expectSameDType, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface BatchNormParams {
  /** 1e-5 when absent. */
  readonly eps?: number;
  /** Type of the result; x's when absent. */
  readonly dtype?: "f32" | "f16";
}

// Loaded where it is launched: ResNets and TinyViT alone have it.
const source: LazySource = () => import("../../shaders/batchNorm.wgsl");

export const batchNorm = /* @__PURE__ */ defineKernel<BatchNormParams>()({
  name: "batchNorm",
  wgsl: [...flat, source],
  inputs: ["x", "variance", "mean", "gamma", "beta"],
  optional: ["mean", "gamma", "beta"],
  params: { count: "u32", cols: "u32", eps: "f32" },
  output: ({ x, ...rows }, { dtype }) => {
    expectFloat("batchNorm", "x", x);
    for (const [name, row] of Object.entries(rows)) {
      if (!row) continue;
      expectSameDType("batchNorm", name, row, "x", x);
      expectShape("batchNorm", name, row.shape, x.shape.slice(0, 1), "first axis of x");
    }
    return { dtype: dtype ?? x.dtype, shape: x.shape };
  },
  launch: ({ x, mean, gamma, beta }, { eps = 1e-5, dtype = x.dtype }) => {
    const count = sizeOf(x.shape);
    return {
      params: { count, cols: colsOf(x), eps },
      types: { Elem: x.dtype, Out: dtype },
      overrides: { HAS_MEAN: mean ? 1 : 0, HAS_GAMMA: gamma ? 1 : 0, HAS_BETA: beta ? 1 : 0 },
      workgroups: flatWorkgroups(count),
    };
  },
});

function colsOf({ shape }: Spec): number {
  return sizeOf(shape.slice(1));
}
