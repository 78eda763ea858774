// Scaled dot products of two sets of embeddings: CLIP's logits_per_image (openai/CLIP: clip/model.py), or with a bias
// SigLIP's.
import { expectRank, expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, expectSameDType, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface SimilarityParams {
  /** logitScale is the logarithm of the factor, as CLIP stores it. */
  readonly exp?: boolean;
}

function sizes(a: Spec, b: Spec) {
  const [M = 0, C = 0] = a.shape;
  return { M, N: b.shape[0] ?? 0, C };
}

// Loaded where it is launched: a comparison of pictures with texts comes after both.
const source: LazySource = () => import("../../shaders/similarity.wgsl");

export const similarity = /* @__PURE__ */ defineKernel<SimilarityParams>()({
  name: "similarity",
  wgsl: [...flat, source],
  inputs: ["a", "b", "logitScale", "bias"],
  optional: ["logitScale", "bias"],
  params: { count: "u32", N: "u32", C: "u32" },
  output: ({ a, b, logitScale, bias }) => {
    expectRank("similarity", "a", a.shape, 2);
    expectFloat("similarity", "a", a);
    expectSameDType("similarity", "b", b, "a", a);
    const { M, N, C } = sizes(a, b);
    expectShape("similarity", "b", b.shape, [N, C], "channels of a");
    if (logitScale) expectShape("similarity", "logitScale", logitScale.shape, [1]);
    if (bias) expectShape("similarity", "bias", bias.shape, [1]);
    return { dtype: a.dtype, shape: [M, N] };
  },
  launch: ({ a, b, logitScale, bias }, { exp = false }) => {
    const { M, N, C } = sizes(a, b);
    return {
      params: { count: M * N, N, C },
      types: { Elem: a.dtype },
      overrides: { HAS_SCALE: logitScale ? 1 : 0, HAS_BIAS: bias ? 1 : 0, EXP: exp ? 1 : 0 },
      workgroups: flatWorkgroups(M * N),
    };
  },
  flops: ({ a, b }) => 2 * sizeOf([a.shape[0] ?? 0, b.shape[0] ?? 0, a.shape[1] ?? 0]),
});
