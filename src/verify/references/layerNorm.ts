// Reference and cases of layerNorm.
import { activate } from "../../kernels/activation.ts";
import { type LayerNormParams, layerNorm } from "../../kernels/layerNorm.ts";
import { defineSuite, type KernelCase } from "../suite.ts";

function layerNormCase(rows: number, cols: number, params: LayerNormParams = { eps: 1e-5 }): KernelCase {
  return { inputs: { x: [rows, cols], gamma: [cols], beta: [cols] }, params };
}

export const layerNormSuite = defineSuite<LayerNormParams>({
  kernel: layerNorm,
  reference: ({ x, gamma, beta }, { eps, start = 0, step = 1, activation = "none" }) => {
    if (!x || !gamma || !beta) throw new TypeError("x, gamma and beta are needed");
    const cols = gamma.data.length;
    const rows: Float64Array[] = [];
    for (let row = start; row * cols < x.data.length; row += step) {
      const values = x.data.subarray(row * cols, (row + 1) * cols);
      const mean = values.reduce((a, b) => a + b, 0) / cols;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / cols;
      rows.push(
        values.map((v, c) => {
          const scaled = ((v - mean) / Math.sqrt(variance + eps)) * (gamma.data[c] as number);
          return activate(activation, scaled + (beta.data[c] as number));
        }),
      );
    }
    return Float64Array.from(rows.flatMap((row) => [...row]));
  },
  cases: [
    layerNormCase(1, 1),
    layerNormCase(3, 768),
    layerNormCase(197, 65),
    layerNormCase(64, 64),
    layerNormCase(65, 129),
    layerNormCase(5, 32, { eps: 1e-6, activation: "gelu" }),
    layerNormCase(0, 8),
    layerNormCase(6, 40, { eps: 1e-12, start: 0, step: 3 }),
    {
      ...layerNormCase(2, 96),
      inputs: { x: { shape: [2, 96], low: 1000, high: 1001 }, gamma: [96], beta: [96] },
      why: "large mean: E[x²] - mean² would cancel",
      dtypes: ["f32"],
    },
  ],
  rejects: [
    {
      inputs: { x: [2, 8], gamma: [7], beta: [8] },
      params: { eps: 1e-5 },
      message: "gamma has shape [7], expected [8]",
    },
  ],
  tolerance: { f32: 2e-5, f16: 4e-3 },
});
