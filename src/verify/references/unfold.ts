// Reference and cases of unfold.
import type { Shape } from "../../device/tensor.ts";
import { type UnfoldParams, unfold } from "../../kernels/unfold.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function unfoldCase(x: Shape, patch: number, why?: string): KernelCase {
  return { inputs: { x }, params: { patch }, ...(why && { why }) };
}

export const unfoldSuite = defineSuite<UnfoldParams>({
  kernel: unfold,
  reference: ({ x }, { patch }) => {
    const { shape, data } = x as HostTensor;
    const [B = 0, H = 0, W = 0, C = 0] = shape;
    const out: number[] = [];
    for (let b = 0; b < B; b++) {
      for (let top = 0; top + patch <= H; top += patch) {
        for (let left = 0; left + patch <= W; left += patch) {
          for (let c = 0; c < C; c++) {
            for (let y = top; y < top + patch; y++) {
              for (let x = left; x < left + patch; x++) out.push(data[((b * H + y) * W + x) * C + c] as number);
            }
          }
        }
      }
    }
    return out;
  },
  cases: [
    unfoldCase([1, 1, 1, 1], 1),
    unfoldCase([1, 4, 6, 3], 2),
    unfoldCase([2, 17, 35, 3], 5, "a remainder at both edges"),
    unfoldCase([1, 64, 64, 3], 16),
    unfoldCase([3, 14, 28, 5], 14),
    unfoldCase([1, 224, 224, 3], 32, "large"),
    unfoldCase([1, 3, 3, 3], 4, "smaller than a patch: no patches"),
    unfoldCase([0, 8, 8, 3], 4),
  ],
  rejects: [
    { ...unfoldCase([8, 8, 3], 4), message: "expected 4 axes" },
    { ...unfoldCase([1, 8, 8, 3], 0), message: "patch is 0" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
