// Reference and cases of narrow.
import type { Shape } from "../../device/tensor.ts";
import { mostOf } from "../../kernels/length.ts";
import { type NarrowParams, narrow } from "../../kernels/narrow.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function narrowCase(x: Shape, axis: number, start: number, length: number, why?: string): KernelCase {
  return { inputs: { x }, params: { axis, start, length }, ...(why && { why }) };
}

export const narrowSuite = defineSuite<NarrowParams>({
  kernel: narrow,
  reference: ({ x }, { axis, start: given, length }) => {
    const start = mostOf(given);
    const { shape, data } = x as HostTensor;
    const at = axis < 0 ? axis + shape.length : axis;
    const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
    return data.filter((_, i) => {
      const place = Math.floor(i / inner) % (shape[at] as number);
      return place >= start && place < start + length;
    });
  },
  cases: [
    narrowCase([1], 0, 0, 1),
    narrowCase([50, 64], 0, 1, 49, "rows"),
    narrowCase([10, 3], 0, 4, 5, "odd rows"),
    narrowCase([2, 50, 64], 1, 0, 1, "class token"),
    narrowCase([2, 50, 64], 1, 1, 49, "patches"),
    narrowCase([5, 96], -1, 32, 32, "whole words of a row"),
    narrowCase([5, 96], -1, 33, 32),
    narrowCase([5, 7], 1, 2, 3),
    narrowCase([13], 0, 4, 7, "ends within a word"),
    narrowCase([512, 768], 1, 256, 512, "large"),
    narrowCase([4, 8], 1, 8, 0),
    narrowCase([0, 8], 1, 2, 4),
    { ...narrowCase([9], 0, 2, 3), inputs: { x: { shape: [9], dtype: "u32", high: 2 ** 31 } }, dtypes: ["f32"] },
  ],
  rejects: [
    { ...narrowCase([4, 8], 1, 5, 4), message: "start 5 and length 4 go beyond axis 1 of x [4, 8], which has 8" },
    { ...narrowCase([4, 8], 1, -1, 4), message: "start -1" },
    { ...narrowCase([4, 8], 2, 0, 1), message: "axis 2 is not an axis of [4, 8]" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
