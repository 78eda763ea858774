// Reference and cases of batchNorm.
import type { Shape } from "../../device/tensor.ts";
import { type BatchNormParams, batchNorm } from "../../kernels/batchNorm.ts";
import { type CaseInput, defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

type Optional = "mean" | "gamma" | "beta";

function batchNormCase(x: Shape, params: BatchNormParams = {}, leaveOut: readonly Optional[] = []): KernelCase {
  const rows = x.slice(0, 1);
  const all: Record<string, CaseInput> = {
    x,
    variance: { shape: rows, low: 0.01, high: 2 },
    mean: rows,
    gamma: rows,
    beta: rows,
  };
  const kept = Object.entries(all).filter(([name]) => !leaveOut.includes(name as Optional));
  return { inputs: Object.fromEntries(kept), params };
}

export const batchNormSuite = defineSuite<BatchNormParams>({
  kernel: batchNorm,
  reference: ({ x, variance, mean, gamma, beta }, { eps = 1e-5 }) => {
    const { data, shape } = x as HostTensor;
    const cols = data.length / (shape[0] as number);
    return data.map((value, i) => {
      const row = Math.floor(i / cols);
      const scaled = (value - (mean?.data[row] ?? 0)) / Math.sqrt((variance?.data[row] as number) + eps);
      return scaled * (gamma?.data[row] ?? 1) + (beta?.data[row] ?? 0);
    });
  },
  cases: [
    batchNormCase([1]),
    batchNormCase([7, 3, 3, 3], {}, ["mean", "beta"]),
    batchNormCase([65]),
    batchNormCase([64, 65], { eps: 1e-3 }, ["gamma"]),
    batchNormCase([5, 9], {}, ["mean", "gamma", "beta"]),
    batchNormCase([0, 4]),
    {
      inputs: { x: { shape: [2, 2], data: [1, Number.NaN, 2, 3] }, variance: { shape: [2], data: [1, 0] } },
      why: "NaN stays where it is, eps divides",
    },
    { ...batchNormCase([12, 10], { dtype: "f16" }), dtypes: ["f16"], why: "to f16" },
  ],
  rejects: [
    { inputs: { x: [4, 2], variance: [2] }, message: "variance has shape [2], expected [4]" },
    { inputs: { x: [4, 2], variance: [4], mean: { shape: [4], dtype: "u32" } }, message: "mean has dtype u32" },
  ],
  tolerance: { f32: 2e-6, f16: 2e-3 },
});
