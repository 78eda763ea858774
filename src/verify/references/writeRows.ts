// Reference and cases of writeRows.
import { sizeOf } from "../../device/tensor.ts";
import { type WriteRowsParams, writeRows } from "../../kernels/writeRows.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function writeRowsCase(rows: readonly number[], all: number, at: number, why?: string): KernelCase {
  return { inputs: { rows }, params: { shape: [all, ...rows.slice(1)], at }, ...(why && { why }) };
}

export const writeRowsSuite = defineSuite<WriteRowsParams>({
  kernel: writeRows,
  reference: ({ rows }, { shape, at }) => {
    const y = new Float64Array(sizeOf(shape));
    y.set((rows as HostTensor).data, (at as number) * sizeOf(shape.slice(1)));
    return y;
  },
  cases: [
    writeRowsCase([1], 1, 0),
    writeRowsCase([2, 3], 7, 2, "odd rows"),
    writeRowsCase([3, 5], 8, 5, "the last rows"),
    writeRowsCase([1, 64], 9, 3),
    writeRowsCase([4, 3, 4], 5, 1, "rows of two axes"),
    writeRowsCase([5, 8], 5, 0, "all rows"),
    writeRowsCase([256, 257], 1000, 511, "large"),
    writeRowsCase([0, 8], 4, 2),
    {
      ...writeRowsCase([2, 3], 4, 1),
      inputs: { rows: { shape: [2, 3], dtype: "u32", high: 2 ** 31 } },
      dtypes: ["f32"],
    },
  ],
  rejects: [
    { ...writeRowsCase([2, 3], 7, 6), message: "2 rows at 6 go beyond [7, 3], which has 7" },
    { ...writeRowsCase([2, 3], 7, -1), message: "at is -1" },
    { inputs: { rows: [2, 3] }, params: { shape: [7, 4], at: 0 }, message: "rows [2, 3] are not rows of [7, 4]" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
