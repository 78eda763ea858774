// A slice along one axis (torch.narrow).
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import source from "../../shaders/narrow.wgsl";
import { ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { axisOf, flatWorkgroups, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import { type Length, mostOf } from "./length.ts";

export interface NarrowParams {
  /** Negative ones count from the end. */
  readonly axis: number;
  /** First index that is kept. */
  readonly start: number | Length;
  /** Number of indices that are kept. */
  readonly length: number;
}

function result(x: Spec, { axis, length }: NarrowParams): Spec {
  const narrowed = axisOf("narrow", axis, x.shape);
  return { dtype: x.dtype, shape: x.shape.map((size, i) => (i === narrowed ? length : size)) };
}

export const narrow = /* @__PURE__ */ defineKernel<NarrowParams>()({
  name: "narrow",
  wgsl: [invocationSource, wordsSource, source],
  inputs: ["x"],
  params: { words: "u32", xInner: "u32", yInner: "u32", start: "u32", stride: "u32" },
  output: ({ x }, params) => {
    const { axis, length } = params;
    const start = mostOf(params.start);
    const size = x.shape[axisOf("narrow", axis, x.shape)] as number;
    const isInside = Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0;
    if (!isInside || start + length > size) {
      const slice = `start ${start} and length ${length}`;
      throw new ShapeError(`[narrow] ${slice} go beyond axis ${axis} of x ${formatShape(x.shape)}, which has ${size}`);
    }
    return result(x, params);
  },
  launch: ({ x }, params) => {
    const y = result(x, params);
    const axis = axisOf("narrow", params.axis, x.shape);
    const [xInner, yInner] = [sizeOf(x.shape.slice(axis)), sizeOf(y.shape.slice(axis))];
    const { start } = params;
    const stride = sizeOf(x.shape.slice(axis + 1));
    const isAligned = stride % 4 === 0 || (typeof start === "number" && (start * stride) % 4 === 0);
    const isOneRow = sizeOf(x.shape.slice(0, axis)) === 1; // it may end within a word
    return {
      params: { words: wordsOf(y), xInner, yInner, start, stride },
      types: { Elem: x.dtype },
      overrides: {
        WIDE: isAligned && (isOneRow || (xInner % 4 === 0 && yInner % 4 === 0)) ? 1 : 0,
      },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
});
