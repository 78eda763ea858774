// Index of the largest element along the last axis (torch.argmax with dim = -1): the first of equals, NaN above all.
import source from "../../shaders/argmax.wgsl";
import { ShapeError } from "../device/errors.ts";
import { type DType, formatShape, lastDim, rowsOf, sizeOf } from "../device/tensor.ts";
import { rowVariant } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

const KIND: Readonly<Record<DType, string>> = { f32: "0u", f16: "0u", i32: "1u", u32: "2u" };

export const argmax = /* @__PURE__ */ defineKernel<object>()({
  name: "argmax",
  wgsl: [source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32" },
  output: ({ x }) => {
    if (x.shape.length === 0 || lastDim(x) === 0) {
      throw new ShapeError(`[argmax] x has shape ${formatShape(x.shape)}, expected a last axis that is not empty`);
    }
    return { dtype: "i32", shape: x.shape.slice(0, -1) };
  },
  launch: ({ x }, _, device) => {
    const rows = rowsOf(x);
    const types = { Elem: x.dtype, KIND: KIND[x.dtype] };
    return { params: { rows, cols: lastDim(x) }, types, ...rowVariant(rows, device) };
  },
  flops: ({ x }) => sizeOf(x.shape),
});
