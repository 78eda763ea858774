// Softmax over the last axis (torch.softmax with dim = -1).
import nanSource from "../../shaders/lib/nan.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, rowVariants } from "./axes.ts";
import { defineKernel, type LazySource } from "./kernel.ts";

function rows(x: Spec): number {
  return sizeOf(x.shape) === 0 ? 0 : rowsOf(x);
}

// Loaded where it is launched: no tower has one but for attention that is asked for.
const source: LazySource = { name: "softmax", load: () => import("../../shaders/softmax.wgsl") };

export const softmax = /* @__PURE__ */ defineKernel<object>()({
  name: "softmax",
  wgsl: [nanSource, reduceSource],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32" },
  output: ({ x }) => {
    expectFloat("softmax", "x", x);
    return { dtype: x.dtype, shape: x.shape };
  },
  launch: ({ x }) => ({ params: { rows: rows(x), cols: lastDim(x) }, lib: [source], types: { Elem: x.dtype } }),
  variants: ({ x }) => rowVariants(rows(x)),
  flops: ({ x }) => 5 * sizeOf(x.shape),
});
