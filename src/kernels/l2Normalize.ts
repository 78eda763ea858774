// Rows of unit length (torch.nn.functional.normalize with dim = -1); a row of zeros stays zero.

import source from "../../shaders/l2Normalize.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface L2NormalizeParams {
  /** Shorter rows are divided by this; 1e-12 when absent. */
  readonly eps?: number;
}

function rows(x: Spec): number {
  return sizeOf(x.shape) === 0 ? 0 : rowsOf(x);
}

export const l2Normalize = /* @__PURE__ */ defineKernel<L2NormalizeParams>()({
  name: "l2Normalize",
  wgsl: [invocationSource, reduceSource, source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32", eps: "f32" },
  output: ({ x }) => {
    expectFloat("l2Normalize", "x", x);
    return { dtype: x.dtype, shape: x.shape };
  },
  launch: ({ x }, { eps = 1e-12 }) => ({
    params: { rows: rows(x), cols: lastDim(x), eps },
    types: { Elem: x.dtype },
  }),
  variants: ({ x }) => rowVariants({ rows: rows(x), columns: lastDim(x) }),
  flops: ({ x }) => 3 * sizeOf(x.shape),
});
