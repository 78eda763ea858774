// Reference and cases of matmul.
import { sizeOf } from "../../device/tensor.ts";
import { activate } from "../../kernels/activation.ts";
import { type MatmulParams, matmul } from "../../kernels/matmul.ts";
import { type CaseInput, defineSuite, type HostTensor, int8Weight, type KernelCase } from "../suite.ts";

interface MatmulCase extends MatmulParams {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch?: number;
  /** "batch": one a batch. */
  readonly bias?: boolean | "batch";
  readonly scale?: boolean;
  readonly residualRows?: number;
  /** b is int8. */
  readonly int8?: boolean;
}

function matmulCase({ M, N, K, batch, bias, scale, residualRows, int8, ...params }: MatmulCase): KernelCase {
  const columns = Math.ceil(N / 4) * 4;
  const leading = batch ? [batch] : [];
  const b = [...leading, K, columns];
  const weight: Record<string, CaseInput> = int8 ? int8Weight("b", b, [...leading, columns]) : { b };
  return {
    inputs: {
      a: [...leading, M, K],
      ...weight,
      ...(bias && { bias: bias === "batch" ? [batch ?? 1, N] : [N] }),
      ...(scale && { scale: [N] }),
      ...(residualRows && { residual: [residualRows, N] }),
    },
    params: { n: N, ...params },
    // Models that have int8 weights compute in f32.
    ...(int8 && { dtypes: ["f32"] as const }),
  };
}

const EPILOGUE = { bias: true, scale: true } as const;

export const matmulSuite = defineSuite<MatmulParams>({
  kernel: matmul,
  reference: (inputs, { n, activation = "none", outputActivation = "none", splits = 1 }) => {
    const { a, b, bias, scale, residual, bScale } = inputs;
    const [K = 1, columns = 1] = (b as HostTensor).shape.slice(-2);
    const N = n ?? columns;
    const rows = sizeOf((a as HostTensor).shape.slice(0, -1));
    const batch = (b as HostTensor).shape.length === 3 ? ((b as HostTensor).shape[0] as number) : 1;
    const at = (t: HostTensor | undefined, i: number) => t?.data[i] as number;
    const [left, right] = [(a as HostTensor).data, (b as HostTensor).data];
    const out = new Float64Array(splits * rows * N);
    for (let row = 0; row < rows; row++) {
      const matrix = Math.floor(row / (rows / batch));
      for (let col = 0; col < N; col++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          sum += (left[row * K + k] as number) * (right[(matrix * K + k) * columns + col] as number);
        }
        if (bScale) sum *= at(bScale, matrix * columns + col);
        if (bias) sum += at(bias, (bias.shape.length === 2 ? matrix * N : 0) + col);
        sum = activate(activation, sum);
        if (scale) sum *= at(scale, col);
        if (residual) sum += at(residual, (row * N + col) % residual.data.length);
        out[row * N + col] = activate(outputActivation, sum);
      }
    }
    return out;
  },
  cases: [
    matmulCase({ M: 1, N: 1, K: 1 }),
    matmulCase({ M: 3, N: 5, K: 7, ...EPILOGUE, activation: "gelu", residualRows: 3 }),
    matmulCase({ M: 9, N: 6, K: 10, bias: true, residualRows: 9, outputActivation: "relu" }),
    matmulCase({ M: 64, N: 64, K: 16 }),
    matmulCase({ M: 65, N: 68, K: 17, ...EPILOGUE }),
    matmulCase({ M: 50, N: 96, K: 768, bias: true, activation: "quickGelu" }),
    matmulCase({ M: 197, N: 130, K: 66, bias: true, residualRows: 197 }),
    matmulCase({ M: 8, N: 40, K: 36, activation: "relu", residualRows: 4 }),
    matmulCase({ M: 5, N: 9, K: 10, batch: 3, ...EPILOGUE, residualRows: 15 }),
    matmulCase({ M: 4, N: 64, K: 32, batch: 4 }),
    matmulCase({ M: 1, N: 8, K: 12, batch: 4, bias: "batch", activation: "relu" }),
    matmulCase({ M: 3, N: 5, K: 12, batch: 4, bias: "batch" }),
    matmulCase({ M: 2, N: 512, K: 300, bias: true }),
    matmulCase({ M: 3, N: 5, K: 7, ...EPILOGUE, activation: "gelu", residualRows: 3, int8: true }),
    matmulCase({ M: 65, N: 67, K: 18, bias: true, residualRows: 13, outputActivation: "relu", int8: true }),
    matmulCase({ M: 50, N: 96, K: 768, bias: true, activation: "quickGelu", int8: true }),
    matmulCase({ M: 5, N: 9, K: 10, batch: 3, bias: "batch", int8: true }),
    matmulCase({ M: 1, N: 130, K: 301, bias: true, int8: true }),
    {
      inputs: { a: { shape: [2, 4], data: [1, Number.NaN, 1, 1, 1, 1, 1, 1] }, ...int8Weight("b", [4, 8], [8]) },
      params: { n: 6 },
      dtypes: ["f32"],
      why: "NaN with int8",
    },
    {
      inputs: { a: { shape: [2, 4], data: [1, 2, 3, 4, Number.NaN, 1, 1, 1] }, b: [4, 8], bias: [8] },
      params: { activation: "quickGelu" },
      why: "NaN stays where it is",
    },
    matmulCase({ M: 0, N: 8, K: 8 }),
    matmulCase({ M: 4, N: 8, K: 0, bias: true }),
  ],
  rejects: [
    { inputs: { a: [2, 8], b: [7, 8] }, message: "last axis of a must equal b's K" },
    { inputs: { a: [2, 8], b: [8, 7] }, message: "multiple of 4 columns" },
    { inputs: { a: [2, 8], b: [8, 8], bias: [4] }, message: "bias has shape [4], expected [8]" },
    { inputs: { a: [2, 2, 8], b: [2, 8, 8], bias: [3, 8] }, message: "bias has shape [3, 8], expected [2, 8]" },
    { inputs: { a: [3, 8], b: [8, 8], residual: [2, 8] }, message: "does not repeat" },
    { inputs: { a: [2, 8], b: { shape: [8, 8], dtype: "i8" } }, message: "b of i8 needs bScale" },
    { inputs: { a: [2, 8], b: [8, 8], bScale: [8] }, message: "b of f32 takes no bScale" },
    { inputs: { a: [2, 8], ...int8Weight("b", [8, 8], [7]) }, message: "bScale has shape [7], expected [8]" },
  ],
  tolerance: { f32: 2e-6, f16: 2e-3 },
});
