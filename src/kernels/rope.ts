// Rotary position embedding (Su et al. 2021) of queries or keys, for the tokens after the first few
// (facebookresearch/dinov3: dinov3/layers/attention.py).
import { ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, lastDim, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface RopeParams {
  /** Number of heads. */
  readonly heads: number;
  /** Tokens at the beginning that have no place: class and registers. */
  readonly prefix: number;
}

// Loaded where it is launched: DINOv3 alone turns its queries and keys.
const source: LazySource = () => import("../../shaders/rope.wgsl");

export const rope = /* @__PURE__ */ defineKernel<RopeParams>()({
  name: "rope",
  wgsl: [...flat, source],
  inputs: ["x", "cosine", "sine"],
  params: { count: "u32", tokens: "u32", channels: "u32", prefix: "u32" },
  output: ({ x, cosine, sine }, { heads, prefix }) => {
    expectRank("rope", "x", x.shape, 3);
    expectFloat("rope", "x", x);
    const [, tokens = 0, channels = 0] = x.shape;
    const D = channels / heads;
    if (D % 2 !== 0)
      throw new ShapeError(`[rope] ${channels} channels do not divide into ${heads} heads of an even size`);
    const places = Math.max(0, tokens - prefix);
    expectShape("rope", "cosine", cosine.shape, [places, D], "places and head size");
    expectShape("rope", "sine", sine.shape, [places, D], "places and head size");
    return { dtype: x.dtype, shape: x.shape };
  },
  launch: ({ x }, { heads, prefix }) => {
    const [, tokens = 0, channels = 0] = x.shape;
    const count = sizeOf(x.shape);
    return {
      params: { count, tokens, channels, prefix },
      types: { Elem: x.dtype },
      overrides: { D: lastDim(x) / heads },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ x }) => 3 * sizeOf(x.shape),
});
