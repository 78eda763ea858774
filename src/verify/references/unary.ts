// Reference and cases of unary.
import { ACTIVATIONS, type Activation, activate } from "../../kernels/activation.ts";
import { type UnaryParams, unary } from "../../kernels/unary.ts";
import { defineSuite, type KernelCase } from "../suite.ts";

const KINDS = Object.keys(ACTIVATIONS) as Activation[];
const LIMITS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 100, -100, 1e-4, -1e-4, 10, -10];

export const unarySuite = defineSuite<UnaryParams>({
  kernel: unary,
  reference: ({ x }, { kind }) => {
    if (!x) throw new TypeError("x is needed");
    return x.data.map((v) => activate(kind, v));
  },
  cases: [
    ...KINDS.map((kind): KernelCase => ({ inputs: { x: { shape: [3, 67], low: -8, high: 8 } }, params: { kind } })),
    ...KINDS.map(
      (kind): KernelCase => ({
        inputs: { x: { shape: [LIMITS.length], data: LIMITS } },
        params: { kind },
        why: "limits",
      }),
    ),
    { inputs: { x: [1] }, params: { kind: "gelu" } },
    { inputs: { x: [256] }, params: { kind: "gelu" }, why: "one workgroup" },
    { inputs: { x: [257] }, params: { kind: "gelu" }, why: "one element more" },
    { inputs: { x: [65536 * 4] }, params: { kind: "relu" }, why: "large" },
    { inputs: { x: [0, 8] }, params: { kind: "gelu" } },
  ],
  rejects: [{ inputs: { x: { shape: [4], dtype: "i32" } }, params: { kind: "relu" }, message: "x has dtype i32" }],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
