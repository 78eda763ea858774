// Reference and cases of argmax.
import { argmax } from "../../kernels/argmax.ts";
import { type CaseInput, defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const INF = Number.POSITIVE_INFINITY;
const NAN = Number.NaN;

/** Rows of four: equals, zeros of both signs, NaN first, last and twice, infinities. */
const LIMITS = [
  [1, 3, 3, 2],
  [-0, 0, -1, -2],
  [0, -0, -1, -2],
  [NAN, 9, INF, 0],
  [9, INF, 0, NAN],
  [1, NAN, NAN, 2],
]
  .concat([
    [-INF, -INF, -INF, -INF],
    [-INF, -3, -2, -2],
    [INF, 1, INF, 2],
    [-1e-7, -1e-6, -2e-7, -1],
  ])
  .flat();

function argmaxCase(x: CaseInput, why?: string): KernelCase {
  return { inputs: { x }, ...(why && { why }) };
}

export const argmaxSuite = defineSuite<object>({
  kernel: argmax,
  reference: ({ x }) => {
    const { shape, data } = x as HostTensor;
    const cols = shape.at(-1) as number;
    return Int32Array.from({ length: data.length / cols }, (_, row) => {
      const values = data.subarray(row * cols, (row + 1) * cols);
      const nan = values.findIndex(Number.isNaN);
      return nan >= 0 ? nan : values.indexOf(Math.max(...values));
    });
  },
  cases: [
    argmaxCase([1, 1]),
    argmaxCase([3, 7]),
    argmaxCase([2, 5, 64]),
    argmaxCase([9, 65]),
    argmaxCase([64, 1000], "large"),
    argmaxCase([5], "one row"),
    argmaxCase({ shape: [40, 130], high: 0, low: 0 }, "all equal"),
    argmaxCase({ shape: [10, 4], data: LIMITS }, "limits"),
    argmaxCase([0, 8]),
    ...[1, 2].map((step): KernelCase => {
      const data = Array.from({ length: 300 }, (_, i) => ((i * 7919 * step) % 1009) + 2 ** 30);
      return {
        inputs: {
          x: { shape: [3, 100], dtype: step === 1 ? "i32" : "u32", data: data.map((v) => v + (step - 1) * 2 ** 31) },
        },
        dtypes: ["f32"],
        why: "whole numbers that f32 would round",
      };
    }),
    { inputs: { x: { shape: [2, 3], dtype: "i32", data: [-5, -2, -2, 1, -1, 0] } }, dtypes: ["f32"] },
  ],
  rejects: [
    { inputs: { x: [4, 0] }, message: "x has shape [4, 0], expected a last axis that is not empty" },
    { inputs: { x: [] }, message: "expected a last axis" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
