// Sum, difference, product or quotient of two tensors with broadcasting (torch.add, sub, mul, div), then an activation.

import source from "../../shaders/binary.wgsl";
import activationSource from "../../shaders/lib/activation.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import { type Spec, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import {
  broadcastShape,
  broadcastStrides,
  expectFloat,
  expectSameDType,
  flatWorkgroups,
  mergeAxes,
  padAxes,
  type Walk,
  wordsOf,
} from "./axes.ts";
import { defineKernel } from "./kernel.ts";

/** Numbers of the operations in shaders/binary.wgsl. */
const BINARY_OPS = { add: 0, sub: 1, mul: 2, div: 3 } as const;

export interface BinaryParams {
  /** Which of the four. */
  readonly op: keyof typeof BINARY_OPS;
  /** Applied to the result; none when absent. */
  readonly activation?: Activation;
}

const RANK = 4;

function walkOf(a: Spec, b: Spec): Walk {
  const shape = broadcastShape("binary", a.shape, b.shape);
  return mergeAxes(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)]);
}

export const binary = /* @__PURE__ */ defineKernel<BinaryParams>()({
  name: "binary",
  wgsl: [invocationSource, activationSource, nanSource, source],
  inputs: ["a", "b"],
  params: {
    words: "u32",
    size1: "u32",
    size2: "u32",
    size3: "u32",
    a0: "u32",
    a1: "u32",
    a2: "u32",
    a3: "u32",
    b0: "u32",
    b1: "u32",
    b2: "u32",
    b3: "u32",
  },
  output: ({ a, b }) => {
    expectFloat("binary", "a", a);
    expectSameDType("binary", "b", b, "a", a);
    const shape = broadcastShape("binary", a.shape, b.shape);
    if (sizeOf(shape) > 0) padAxes("binary", walkOf(a, b), RANK);
    return { dtype: a.dtype, shape };
  },
  launch: ({ a, b }, { op, activation = "none" }) => {
    const y = { dtype: a.dtype, shape: broadcastShape("binary", a.shape, b.shape) };
    const merged = walkOf(a, b);
    const { sizes, strides } = padAxes("binary", merged, RANK);
    const [, size1 = 1, size2 = 1, size3 = 1] = sizes;
    const [[a0 = 0, a1 = 0, a2 = 0, a3 = 0] = [], [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = []] = strides;
    const rank = Math.max(1, merged.sizes.length);
    return {
      params: { words: wordsOf(y), size1, size2, size3, a0, a1, a2, a3, b0, b1, b2, b3 },
      types: { Elem: a.dtype },
      overrides: {
        OP: BINARY_OPS[op],
        ACTIVATION: ACTIVATIONS[activation],
        RANK: rank,
        WIDE: rank === 1 || size3 % 4 === 0 ? 1 : 0,
      },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
  flops: ({ a, b }) => sizeOf(broadcastShape("binary", a.shape, b.shape)),
});
