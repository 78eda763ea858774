// Softmax over the last axis (torch.softmax with dim = -1).
import invocationSource from "../../shaders/lib/invocation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import source from "../../shaders/softmax.wgsl";
import { lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

function rows(x: Spec): number {
  return sizeOf(x.shape) === 0 ? 0 : rowsOf(x);
}

export const softmax = /* @__PURE__ */ defineKernel<object>()({
  name: "softmax",
  wgsl: [invocationSource, nanSource, reduceSource, source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32" },
  output: ({ x }) => {
    expectFloat("softmax", "x", x);
    return { dtype: x.dtype, shape: x.shape };
  },
  launch: ({ x }) => ({ params: { rows: rows(x), cols: lastDim(x) }, types: { Elem: x.dtype } }),
  variants: ({ x }) => rowVariants({ rows: rows(x), columns: lastDim(x) }),
  flops: ({ x }) => 5 * sizeOf(x.shape),
});
