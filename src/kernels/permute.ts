// The axes in another order (torch.permute).
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import source from "../../shaders/permute.wgsl";
import { ShapeError } from "../device/errors.ts";
import { formatShape, type Spec } from "../device/tensor.ts";
import { flatWorkgroups, mergeAxes, padAxes, stridesOf, type Walk, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface PermuteParams {
  /** For each axis of the result, the axis of x it is. */
  readonly dims: readonly number[];
}

const RANK = 5;

function result(x: Spec, { dims }: PermuteParams): Spec {
  return { dtype: x.dtype, shape: dims.map((axis) => x.shape[axis] as number) };
}

function walkOf(x: Spec, params: PermuteParams): Walk {
  const strides = stridesOf(x.shape);
  return mergeAxes(result(x, params).shape, [params.dims.map((axis) => strides[axis] as number)]);
}

export const permute = /* @__PURE__ */ defineKernel<PermuteParams>()({
  name: "permute",
  wgsl: [invocationSource, wordsSource, source],
  inputs: ["x"],
  params: {
    words: "u32",
    size1: "u32",
    size2: "u32",
    size3: "u32",
    size4: "u32",
    stride0: "u32",
    stride1: "u32",
    stride2: "u32",
    stride3: "u32",
    stride4: "u32",
  },
  output: ({ x }, params) => {
    const sorted = [...params.dims].sort((a, b) => a - b);
    if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
      throw new ShapeError(
        `[permute] dims ${formatShape(params.dims)} do not name each axis of x ${formatShape(x.shape)} once`,
      );
    }
    padAxes("permute", walkOf(x, params), RANK);
    return result(x, params);
  },
  launch: ({ x }, params) => {
    const y = result(x, params);
    const merged = walkOf(x, params);
    const { sizes, strides } = padAxes("permute", merged, RANK);
    const [, size1 = 1, size2 = 1, size3 = 1, size4 = 1] = sizes;
    const [[stride0 = 0, stride1 = 0, stride2 = 0, stride3 = 0, stride4 = 0] = []] = strides;
    const rank = Math.max(1, merged.sizes.length);
    return {
      params: { words: wordsOf(y), size1, size2, size3, size4, stride0, stride1, stride2, stride3, stride4 },
      types: { Elem: x.dtype },
      overrides: {
        RANK: rank,
        WIDE: rank === 1 || (stride4 === 1 && size4 % 4 === 0) ? 1 : 0,
      },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
});
