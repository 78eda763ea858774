// Pictures cut into square patches (torch.nn.functional.unfold with kernel = stride, channels-last): the first half of
// a Vision Transformer's patch embedding, whose second half is a matmul with the convolution's weight.
import source from "../../shaders/unfold.wgsl";
import { ArgumentError } from "../device/errors.ts";
import { expectRank, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface UnfoldParams {
  /** Side of a patch in pixels. */
  readonly patch: number;
}

function sizes(x: Spec, { patch }: UnfoldParams) {
  const [B = 0, H = 0, W = 0, C = 0] = x.shape;
  return { B, H, W, C, rows: Math.floor(H / patch), cols: Math.floor(W / patch) };
}

export const unfold = /* @__PURE__ */ defineKernel<UnfoldParams>()({
  name: "unfold",
  wgsl: [...flat, source],
  inputs: ["x"],
  params: { count: "u32", H: "u32", W: "u32", rows: "u32", cols: "u32" },
  output: ({ x }, params) => {
    expectRank("unfold", "x", x.shape, 4);
    expectFloat("unfold", "x", x);
    const { patch } = params;
    if (!Number.isInteger(patch) || patch < 1) {
      throw new ArgumentError(`[unfold] patch is ${patch}, expected a whole number from 1`);
    }
    const { B, C, rows, cols } = sizes(x, params);
    return { dtype: x.dtype, shape: [B, rows * cols, C * patch * patch] };
  },
  launch: ({ x }, params) => {
    const { B, H, W, C, rows, cols } = sizes(x, params);
    const count = sizeOf([B, rows, cols, C, params.patch, params.patch]);
    return {
      params: { count, H, W, rows, cols },
      types: { Elem: x.dtype },
      overrides: { P: params.patch, C },
      workgroups: flatWorkgroups(count),
    };
  },
});
