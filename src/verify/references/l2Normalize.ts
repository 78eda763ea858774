// Reference and cases of l2Normalize.
import { type L2NormalizeParams, l2Normalize } from "../../kernels/l2Normalize.ts";
import { type CaseInput, defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const LIMITS = [Number.NaN, 1, 2, Number.POSITIVE_INFINITY, 1, 2, 0, 0, 0, 3, 0, 4];

function normaliseCase(x: CaseInput, why?: string): KernelCase {
  return { inputs: { x }, params: {}, ...(why && { why }) };
}

export const l2NormalizeSuite = defineSuite<L2NormalizeParams>({
  kernel: l2Normalize,
  reference: ({ x }, { eps = 1e-12 }) => {
    const { shape, data } = x as HostTensor;
    const cols = shape.at(-1) ?? 1;
    return data.map((v, i) => {
      const row = data.subarray(i - (i % cols), i - (i % cols) + cols);
      return v / Math.max(Math.sqrt(row.reduce((sum, w) => sum + w * w, 0)), eps);
    });
  },
  cases: [
    normaliseCase([1, 1]),
    normaliseCase([3, 512]),
    normaliseCase([2, 5, 64]),
    normaliseCase([9, 65]),
    normaliseCase([7], "one row"),
    normaliseCase([200, 384], "large"),
    normaliseCase({ shape: [4, 768], low: -60000, high: 60000 }, "squares beyond f16"),
    normaliseCase({ shape: [4, 3], data: LIMITS }, "limits"),
    { ...normaliseCase({ shape: [3, 8], low: -1e-3, high: 1e-3 }), params: { eps: 0.5 } },
    normaliseCase([0, 8]),
    normaliseCase([8, 0]),
  ],
  rejects: [
    { inputs: { x: { shape: [2, 3], dtype: "u32" } }, params: {}, message: "x has dtype u32, expected f32 or f16" },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
