// Reference and cases of permute.
import type { Shape } from "../../device/tensor.ts";
import { type PermuteParams, permute } from "../../kernels/permute.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function permuteCase(x: Shape, dims: readonly number[], why?: string): KernelCase {
  return { inputs: { x }, params: { dims }, ...(why && { why }) };
}

export const permuteSuite = defineSuite<PermuteParams>({
  kernel: permute,
  reference: ({ x }, { dims }) => {
    const { shape, data } = x as HostTensor;
    const out = new Float64Array(data.length);
    data.forEach((value, from) => {
      const at: number[] = [];
      let rest = from;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        at[axis] = rest % (shape[axis] as number);
        rest = Math.floor(rest / (shape[axis] as number));
      }
      const to = dims.reduce((index, axis) => index * (shape[axis] as number) + (at[axis] as number), 0);
      out[to] = value;
    });
    return out;
  },
  cases: [
    permuteCase([1], [0]),
    permuteCase([], []),
    permuteCase([3, 7], [0, 1], "nothing moves"),
    permuteCase([5, 9], [1, 0]),
    permuteCase([2, 50, 3, 64], [0, 2, 1, 3], "heads"),
    permuteCase([2, 6, 3, 5], [0, 2, 1, 3], "heads, odd"),
    permuteCase([3, 8, 8], [1, 2, 0], "planes to channels last"),
    permuteCase([8, 8, 3], [2, 0, 1], "channels last to planes"),
    permuteCase([2, 3, 4, 3, 4, 8], [0, 1, 3, 2, 4, 5], "windows: six axes, two merged"),
    permuteCase([2, 3, 4, 5, 6], [4, 3, 2, 1, 0], "five axes"),
    permuteCase([2, 1, 3, 1, 5], [3, 2, 1, 0, 4], "axes of length 1"),
    permuteCase([64, 64, 64], [2, 1, 0], "large"),
    permuteCase([4, 0, 3], [2, 0, 1]),
    { ...permuteCase([3, 2], [1, 0]), inputs: { x: { shape: [3, 2], dtype: "i32", high: 100 } }, dtypes: ["f32"] },
  ],
  rejects: [
    { ...permuteCase([4, 8], [0, 0]), message: "dims [0, 0] do not name each axis of x [4, 8] once" },
    { ...permuteCase([4, 8], [0]), message: "do not name each axis" },
    { ...permuteCase([2, 2, 2, 2, 2, 2], [5, 4, 3, 2, 1, 0]), message: "at most 5 are supported" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
