// The mean over tokens or pixels: a ResNet's global pooling (with [B, H, W, C] viewed as [B, H * W, C]), DINO's mean of
// the patch tokens.
import source from "../../shaders/meanPool.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectRank, formatShape, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface MeanPoolParams {
  /** Tokens to leave out at the beginning: a class token, registers. 0 when absent. */
  readonly start?: number;
}

export const meanPool = /* @__PURE__ */ defineKernel<MeanPoolParams>()({
  name: "meanPool",
  wgsl: [...flat, source],
  inputs: ["x"],
  params: { count: "u32", tokens: "u32", channels: "u32", start: "u32" },
  output: ({ x }, { start = 0 }) => {
    expectFloat("meanPool", "x", x);
    expectRank("meanPool", "x", x.shape, 3);
    const [batch = 0, tokens = 0, channels = 0] = x.shape;
    if (!Number.isInteger(start) || start < 0 || start >= tokens) {
      throw new ShapeError(`[meanPool] start is ${start}, expected a token of x ${formatShape(x.shape)}`);
    }
    return { dtype: x.dtype, shape: [batch, channels] };
  },
  launch: ({ x }, { start = 0 }) => {
    const [batch = 0, tokens = 0, channels = 0] = x.shape;
    const count = batch * channels;
    return {
      params: { count, tokens, channels, start },
      types: { Elem: x.dtype },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ x }) => sizeOf(x.shape),
});
