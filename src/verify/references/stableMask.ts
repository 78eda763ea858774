// Reference and cases of stableMask.
import { type StableMaskParams, stableMask } from "../../kernels/stableMask.ts";
import { type CaseInput, defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const NAN = Number.NaN;
const PARAMS: StableMaskParams = { delta: 0.0625, threshold: 0.75 };

function stableMaskCase(masks: CaseInput, scores: CaseInput, why?: string, params = PARAMS): KernelCase {
  return { inputs: { masks, scores }, params, ...(why && { why }) };
}

/** Three masks of four places a prompt, of which the first decides. */
function firstMasks(...first: readonly (readonly number[])[]): CaseInput {
  return { shape: [first.length, 3, 4], data: first.flatMap((logits) => [...logits, ...Array(8).fill(1)]) };
}

export const stableMaskSuite = defineSuite<StableMaskParams>({
  kernel: stableMask,
  reference: ({ masks, scores }, { delta, threshold }) => {
    const [rows = 0, count = 0] = (masks as HostTensor).shape;
    const logits = (masks as HostTensor).data;
    const places = logits.length / rows / count;
    return Int32Array.from({ length: rows }, (_, row) => {
      const first = logits.subarray(row * count * places, (row * count + 1) * places);
      const above = (least: number) => first.reduce((sum, logit) => sum + Number(logit > least), 0);
      if (above(-delta) === 0 || above(delta) / above(-delta) >= threshold) return row * count;
      const others = [...(scores as HostTensor).data.subarray(row * count + 1, (row + 1) * count)];
      const nan = others.findIndex(Number.isNaN);
      return row * count + 1 + (nan >= 0 ? nan : others.indexOf(Math.max(...others)));
    });
  },
  cases: [
    stableMaskCase([1, 2, 1], [1, 2]),
    stableMaskCase([3, 4, 49], [3, 4]),
    stableMaskCase([8, 4, 4096], [8, 4], "large"),
    stableMaskCase([9, 4, 33], [9, 4], "every mask is stable", { delta: 0.0625, threshold: 0 }),
    stableMaskCase([9, 4, 33], [9, 4], "none is", { delta: 0.0625, threshold: 1.5 }),
    stableMaskCase(
      firstMasks([1, 1, 1, 0], [1, 1, 0, 0], [-1, -1, -1, -1], [0, 0, -1, -1], [NAN, NAN, NAN, NAN], [1, NAN, 1, 1]),
      {
        shape: [6, 3],
        data: [9, 1, 2, 9, 2, 1, 0, 0, 0, 9, 2, 2, 1, 2, 3, 1, 2, 3],
      },
      "at the threshold, below it, nowhere, nowhere for certain, NaN",
    ),
    stableMaskCase(
      firstMasks([0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]),
      { shape: [3, 3], data: [0, NAN, 3, 0, 3, NAN, NAN, 2, 3] },
      "scores of NaN",
    ),
    stableMaskCase([0, 4, 16], [0, 4]),
  ],
  rejects: [
    { inputs: { masks: [2, 4, 4, 4], scores: [2, 4] }, params: PARAMS, message: "masks" },
    {
      inputs: { masks: [2, 1, 16], scores: [2, 1] },
      params: PARAMS,
      message: "has 1 masks of a prompt, expected 2 or more",
    },
    { inputs: { masks: [2, 4, 16], scores: [2, 3] }, params: PARAMS, message: "prompts and masks" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
