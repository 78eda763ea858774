// Reference and cases of softmax.
import type { Shape } from "../../device/tensor.ts";
import { softmax } from "../../kernels/softmax.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const INF = Number.POSITIVE_INFINITY;

/** Rows of three in which PyTorch gives NaN throughout, but for the first and the last. */
const LIMITS = [-INF, 0, 1, -INF, -INF, -INF, INF, 0, 1, Number.NaN, 0, 1, 1, Number.NaN, INF, -INF, -INF, 2];

function softmaxCase(shape: Shape, low = -8, high = 8, why?: string): KernelCase {
  return { inputs: { x: { shape, low, high } }, ...(why && { why }) };
}

export const softmaxSuite = defineSuite<object>({
  kernel: softmax,
  reference: ({ x }) => {
    const { shape, data } = x as HostTensor;
    const cols = shape.at(-1) ?? 1;
    const out = new Float64Array(data.length);
    for (let at = 0; at < data.length; at += cols) {
      const row = data.subarray(at, at + cols);
      const largest = row.reduce((a, b) => Math.max(a, b), -INF);
      const sum = row.reduce((total, v) => total + Math.exp(v - largest), 0);
      row.forEach((v, c) => {
        out[at + c] = Math.exp(v - largest) / sum;
      });
    }
    return out;
  },
  cases: [
    softmaxCase([1, 1]),
    softmaxCase([3, 7]),
    softmaxCase([2, 5, 64]),
    softmaxCase([8, 65]),
    softmaxCase([197, 197]),
    softmaxCase([2, 1000]),
    softmaxCase([64, 1024], -8, 8, "large"),
    softmaxCase([5], -8, 8, "one row"),
    softmaxCase([4, 9], 1000, 1030, "exp without the maximum would overflow"),
    softmaxCase([4, 9], -1030, -1000, "exp without the maximum would underflow"),
    { inputs: { x: { shape: [6, 3], data: LIMITS } }, why: "limits" },
    softmaxCase([0, 8]),
    softmaxCase([8, 0]),
  ],
  rejects: [{ inputs: { x: { shape: [2, 3], dtype: "i32" } }, message: "x has dtype i32, expected f32 or f16" }],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
