// Index of the largest element along the last axis (torch.argmax with dim = -1): the first of equals, NaN above all.

import source from "../../shaders/argmax.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { ShapeError } from "../device/errors.ts";
import { type DType, formatShape, lastDim, rowsOf, sizeOf } from "../device/tensor.ts";
import { rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

const KIND: Readonly<Partial<Record<DType, string>>> = { f32: "0u", f16: "0u", i32: "1u", u32: "2u" };

export const argmax = /* @__PURE__ */ defineKernel<object>()({
  name: "argmax",
  wgsl: [invocationSource, reduceSource, source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32" },
  output: ({ x }) => {
    if (!KIND[x.dtype]) throw new ShapeError(`[argmax] x has dtype ${x.dtype}, expected f32, f16, i32 or u32`);
    if (x.shape.length === 0 || lastDim(x) === 0) {
      throw new ShapeError(`[argmax] x has shape ${formatShape(x.shape)}, expected a last axis that is not empty`);
    }
    return { dtype: "i32", shape: x.shape.slice(0, -1) };
  },
  launch: ({ x }) => ({
    params: { rows: rowsOf(x), cols: lastDim(x) },
    types: { Elem: x.dtype, KIND: KIND[x.dtype] as string },
  }),
  variants: ({ x }) => rowVariants(rowsOf(x)),
  flops: ({ x }) => sizeOf(x.shape),
});
