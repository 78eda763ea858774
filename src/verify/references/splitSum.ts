// Reference and cases of splitSum.
import type { Shape } from "../../device/tensor.ts";
import { activate } from "../../kernels/activation.ts";
import { type SplitSumParams, splitSum } from "../../kernels/splitSum.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function splitSumCase(
  parts: Shape,
  extra: Readonly<Record<string, Shape>> = {},
  params: SplitSumParams = {},
): KernelCase {
  return { inputs: { parts, ...extra }, params };
}

export const splitSumSuite = defineSuite<SplitSumParams>({
  kernel: splitSum,
  reference: ({ parts, bias, scale, residual }, { activation = "none", outputActivation = "none" }) => {
    const { shape, data } = parts as HostTensor;
    const [splits = 1] = shape;
    const N = shape.at(-1) as number;
    const count = data.length / splits;
    return Float64Array.from({ length: count }, (_, i) => {
      let sum = bias?.data[i % N] ?? 0;
      for (let part = 0; part < splits; part++) sum += data[part * count + i] as number;
      const y = activate(activation, sum) * (scale?.data[i % N] ?? 1);
      return activate(outputActivation, y + (residual?.data[i % residual.data.length] ?? 0));
    });
  },
  cases: [
    splitSumCase([1, 1, 1]),
    splitSumCase([3, 5, 7], { bias: [7], scale: [7], residual: [5, 7] }, { activation: "gelu" }),
    splitSumCase([2, 64, 64], { bias: [64] }),
    splitSumCase([8, 65, 33], { residual: [5, 33] }, { activation: "quickGelu" }),
    splitSumCase([4, 2, 50, 768], { bias: [768], residual: [2, 50, 768] }),
    splitSumCase([3, 7, 7, 20], { bias: [20], residual: [7, 7, 20] }, { outputActivation: "relu" }),
    splitSumCase([2, 0, 8], { bias: [8] }),
  ],
  rejects: [
    { ...splitSumCase([2, 4, 8], { bias: [4] }), message: "bias has shape [4], expected [8]" },
    { ...splitSumCase([2, 4, 8], { residual: [3, 8] }), message: "does not repeat" },
  ],
  tolerance: { f32: 1e-6, f16: 2e-3 },
});
