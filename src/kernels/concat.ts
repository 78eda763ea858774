// Two tensors one after the other along an axis (torch.cat); more than two are a chain of these.

import source from "../../shaders/concat.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import { ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { axisOf, expectSameDType, flatWorkgroups, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface ConcatParams {
  /** Negative ones count from the end; 0 when absent. */
  readonly axis?: number;
}

function result(a: Spec, b: Spec, params: ConcatParams): Spec {
  const axis = axisOf("concat", params.axis ?? 0, a.shape);
  return { dtype: a.dtype, shape: a.shape.map((size, i) => (i === axis ? size + (b.shape[i] as number) : size)) };
}

export const concat = /* @__PURE__ */ defineKernel<ConcatParams>()({
  name: "concat",
  wgsl: [invocationSource, wordsSource, source],
  inputs: ["a", "b"],
  params: { words: "u32", aInner: "u32", bInner: "u32" },
  output: ({ a, b }, params) => {
    expectSameDType("concat", "b", b, "a", a);
    const axis = axisOf("concat", params.axis ?? 0, a.shape);
    if (a.shape.length !== b.shape.length || a.shape.some((size, i) => i !== axis && size !== b.shape[i])) {
      const shapes = `a ${formatShape(a.shape)} and b ${formatShape(b.shape)}`;
      throw new ShapeError(`[concat] ${shapes} must have equal axes, all but axis ${axis}`);
    }
    return result(a, b, params);
  },
  launch: ({ a, b }, params) => {
    const y = result(a, b, params);
    const axis = axisOf("concat", params.axis ?? 0, a.shape);
    const [aInner, bInner] = [sizeOf(a.shape.slice(axis)), sizeOf(b.shape.slice(axis))];
    const isLast = sizeOf(a.shape.slice(0, axis)) === 1; // nothing follows b: it may end within a word
    return {
      params: { words: wordsOf(y), aInner, bInner },
      types: { Elem: y.dtype },
      overrides: { WIDE: aInner % 4 === 0 && (isLast || bInner % 4 === 0) ? 1 : 0 },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
});
