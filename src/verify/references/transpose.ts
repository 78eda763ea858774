// Reference and cases of transpose.
import type { Shape } from "../../device/tensor.ts";
import { type TransposeParams, transpose } from "../../kernels/transpose.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function transposeCase(x: Shape, padTo?: number): KernelCase {
  return { inputs: { x }, params: padTo ? { padTo } : {} };
}

export const transposeSuite = defineSuite<TransposeParams>({
  kernel: transpose,
  reference: ({ x }, { padTo = 1 }) => {
    const { shape, data } = x as HostTensor;
    const [rows = 0, cols = 0] = shape.slice(-2);
    const padded = Math.ceil(rows / padTo) * padTo;
    const batch = shape.slice(0, -2).reduce((a, b) => a * b, 1);
    const out = new Float64Array(batch * cols * padded);
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++) out[(b * cols + c) * padded + r] = data[(b * rows + r) * cols + c] as number;
      }
    }
    return out;
  },
  cases: [
    transposeCase([1, 1]),
    transposeCase([1, 1], 4),
    transposeCase([32, 32]),
    transposeCase([33, 33], 4),
    transposeCase([7, 65], 4),
    transposeCase([65, 7]),
    transposeCase([2, 3, 5, 6], 4),
    transposeCase([3, 64, 96]),
    transposeCase([768, 512], 4),
    transposeCase([0, 5], 4),
    transposeCase([5, 0]),
    { ...transposeCase([3, 3]), inputs: { x: { shape: [3, 3], dtype: "u32", high: 2 ** 31 } }, dtypes: ["f32"] },
  ],
  rejects: [
    { inputs: { x: [4] }, params: {}, message: "expected at least 2 axes" },
    { inputs: { x: [4, 4] }, params: { padTo: 0 }, message: "padTo is 0" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
