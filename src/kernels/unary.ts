// An activation on its own, where no kernel before it has an epilogue (torch.nn.functional.gelu, relu, silu …).

import activationSource from "../../shaders/lib/activation.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import source from "../../shaders/unary.wgsl";
import { sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { expectFloat, flatWorkgroups, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface UnaryParams {
  /** Which activation. */
  readonly kind: Activation;
}

export const unary = /* @__PURE__ */ defineKernel<UnaryParams>()({
  name: "unary",
  wgsl: [invocationSource, activationSource, nanSource, source],
  inputs: ["x"],
  params: { words: "u32" },
  output: ({ x }) => {
    expectFloat("unary", "x", x);
    return { dtype: x.dtype, shape: x.shape };
  },
  launch: ({ x }, { kind }) => ({
    params: { words: wordsOf(x) },
    types: { Elem: x.dtype },
    overrides: { KIND: ACTIVATIONS[kind] },
    workgroups: flatWorkgroups(wordsOf(x)),
  }),
  flops: ({ x }) => 8 * sizeOf(x.shape),
});
