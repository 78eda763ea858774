// Reference and cases of concat.
import type { Shape } from "../../device/tensor.ts";
import { type ConcatParams, concat } from "../../kernels/concat.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function concatCase(a: Shape, b: Shape, axis?: number, why?: string): KernelCase {
  return { inputs: { a, b }, params: axis === undefined ? {} : { axis }, ...(why && { why }) };
}

export const concatSuite = defineSuite<ConcatParams>({
  kernel: concat,
  reference: (inputs, { axis = 0 }) => {
    const [a, b] = [inputs.a, inputs.b] as [HostTensor, HostTensor];
    const from = axis < 0 ? axis + a.shape.length : axis;
    const size = (shape: Shape) => shape.reduce((x, y) => x * y, 1);
    const [m, n] = [size(a.shape.slice(from)), size(b.shape.slice(from))];
    const rows = Array.from({ length: size(a.shape.slice(0, from)) }, (_, row) => [
      ...a.data.subarray(row * m, (row + 1) * m),
      ...b.data.subarray(row * n, (row + 1) * n),
    ]);
    return Float64Array.from(rows.flat());
  },
  cases: [
    concatCase([1], [1]),
    concatCase([64, 32], [128, 32], 0, "weights of q, k and v"),
    concatCase([3, 4], [3, 5], -1, "odd rows"),
    concatCase([4, 8], [4, 12], 1, "whole words"),
    concatCase([2, 3, 5], [2, 4, 5], 1),
    concatCase([8], [5], 0, "ends within a word"),
    concatCase([5], [8]),
    concatCase([512, 100], [512, 412], 1, "large"),
    concatCase([0, 4], [3, 4]),
    concatCase([3, 4], [0, 4]),
    concatCase([0, 4], [0, 4]),
    {
      inputs: { a: { shape: [3], dtype: "i32", high: 9 }, b: { shape: [2], dtype: "i32", high: 9 } },
      params: {},
      dtypes: ["f32"],
    },
  ],
  rejects: [
    { inputs: { a: [2, 8], b: [3, 8] }, params: { axis: 1 }, message: "must have equal axes, all but axis 1" },
    { inputs: { a: [2, 8], b: [8] }, params: {}, message: "must have equal axes" },
    { inputs: { a: [2, 8], b: [2, 8] }, params: { axis: 2 }, message: "axis 2 is not an axis of [2, 8]" },
    { inputs: { a: [2], b: { shape: [2], dtype: "i32" } }, params: {}, message: "b has dtype i32, expected f32" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
