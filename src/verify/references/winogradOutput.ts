// Reference and cases of winogradOutput.
import type { Shape } from "../../device/tensor.ts";
import { activate } from "../../kernels/activation.ts";
import { type WinogradOutputParams, winogradOutput } from "../../kernels/winogradOutput.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

/** Aᵀ of F(2x2, 3x3). */
const A_T = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
] as const;

function outputCase(
  places: WinogradOutputParams["places"],
  O: number,
  extra: Readonly<Record<string, Shape>> = {},
  params: Omit<WinogradOutputParams, "places"> = {},
): KernelCase {
  const tiles = places[0] * Math.ceil(places[1] / 2) * Math.ceil(places[2] / 2);
  return { inputs: { m: [16, tiles, O], ...extra }, params: { places, ...params } };
}

export const winogradOutputSuite = defineSuite<WinogradOutputParams>({
  kernel: winogradOutput,
  reference: (
    { m, bias, scale, residual },
    { places: [B, OH, OW], activation = "none", outputActivation = "none" },
  ) => {
    const { data, shape } = m as HostTensor;
    const [, tiles = 0, O = 0] = shape;
    const [TH, TW] = [Math.ceil(OH / 2), Math.ceil(OW / 2)];
    return Float64Array.from({ length: B * OH * OW * O }, (_, index) => {
      const [o, place] = [index % O, Math.floor(index / O)];
      const [col, row, b] = [place % OW, Math.floor(place / OW) % OH, Math.floor(place / OW / OH)];
      const tile = (b * TH + (row >> 1)) * TW + (col >> 1);
      let sum = bias?.data[o] ?? 0;
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 4; j++) {
          const product = data[((4 * i + j) * tiles + tile) * O + o] as number;
          sum += (A_T[row & 1]?.[i] as number) * product * (A_T[col & 1]?.[j] as number);
        }
      }
      const y = activate(activation, sum) * (scale?.data[o] ?? 1);
      return activate(outputActivation, y + (residual?.data[index % residual.data.length] ?? 0));
    });
  },
  cases: [
    outputCase([1, 1, 1], 4),
    outputCase([1, 2, 2], 4, { bias: [4] }),
    outputCase([2, 7, 6], 12, { bias: [12], residual: [2, 7, 6, 12] }, { activation: "gelu" }),
    outputCase([2, 4, 5], 8, { scale: [8], residual: [4, 5, 8] }, { activation: "relu" }),
    outputCase([1, 5, 9], 8, { residual: [1, 5, 9, 8] }, { outputActivation: "relu" }),
    outputCase([1, 28, 28], 64, { bias: [64] }, { activation: "relu" }),
    outputCase([0, 8, 8], 4),
  ],
  rejects: [
    { ...outputCase([1, 2, 2], 6), message: "expected a multiple of 4 channels" },
    { inputs: { m: [16, 3, 4] }, params: { places: [1, 3, 3] }, message: "expected [16, 4, 4]" },
    { ...outputCase([1, 2, 2], 4, { bias: [8] }), message: "bias has shape [8], expected [4]" },
    {
      ...outputCase([1, 2, 2], 4, { residual: [1, 2, 3, 4] }),
      message: "residual [1, 2, 3, 4] does not repeat into [4, 4]",
    },
  ],
  tolerance: { f32: 2e-6, f16: 2e-3 },
});
