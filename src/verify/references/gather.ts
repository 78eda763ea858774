// Reference and cases of gather.
import type { Shape } from "../../device/tensor.ts";
import { type GatherParams, gather } from "../../kernels/gather.ts";
import { type CaseInput, defineSuite, type HostTensor, int8Weight, type KernelCase } from "../suite.ts";

function gatherCase(count: Shape, table: Shape, why?: string): KernelCase {
  const [rows = 0] = table;
  return { inputs: { ids: { shape: count, dtype: "u32", high: rows }, table }, params: {}, ...(why && { why }) };
}

/** A table of int8, whose rows come as f32. */
function int8Case(count: Shape, table: readonly [number, number], why?: string): KernelCase {
  const ids: CaseInput = { shape: count, dtype: "u32", high: table[0] };
  const inputs = { ids, ...int8Weight("table", table, [table[0]]) };
  return { inputs, params: {}, dtypes: ["f32"], ...(why && { why }) };
}

/** Ids below, inside and beyond the chunk, and one negative. */
const IDS = [0, 9, 10, 14, 15, 100, -1, 12];

function chunkCase(cols: number, hasPrevious: boolean): KernelCase {
  const ids: CaseInput = { shape: [2, 4], dtype: "i32", data: IDS };
  const previous: Record<string, CaseInput> = hasPrevious ? { previous: [2, 4, cols] } : {};
  return { inputs: { ids, table: [5, cols], ...previous }, params: { rowStart: 10 }, why: "a chunk of rows" };
}

export const gatherSuite = defineSuite<GatherParams>({
  kernel: gather,
  reference: ({ ids, table, previous, tableScale }, { rowStart = 0 }) => {
    const { shape, data } = table as HostTensor;
    const [rows = 0, cols = 0] = shape;
    const rowIds = (ids as HostTensor).data;
    return Float64Array.from({ length: rowIds.length * cols }, (_, i) => {
      const row = (rowIds[Math.floor(i / cols)] as number) - rowStart;
      const other = previous?.data[i] ?? 0;
      return row >= 0 && row < rows ? (data[row * cols + (i % cols)] as number) * (tableScale?.data[row] ?? 1) : other;
    });
  },
  cases: [
    gatherCase([1], [1, 1]),
    gatherCase([2, 77], [100, 64], "whole words"),
    gatherCase([7], [11, 5], "odd columns"),
    gatherCase([64], [8, 4], "one workgroup"),
    gatherCase([65], [8, 4], "one row more"),
    gatherCase([2, 512], [1000, 256], "large"),
    gatherCase([0], [8, 4]),
    gatherCase([3], [0, 4], "no rows: zeros"),
    int8Case([7], [11, 5], "odd columns"),
    int8Case([2, 77], [100, 64], "whole words"),
    {
      inputs: {
        ids: { shape: [2, 4], dtype: "i32", data: IDS },
        ...int8Weight("table", [5, 7], [5]),
        previous: { shape: [2, 4, 7], dtype: "f32" },
      },
      params: { rowStart: 10 },
      dtypes: ["f32"],
      why: "a chunk of int8 rows",
    },
    ...[8, 7].flatMap((cols) => [chunkCase(cols, true), chunkCase(cols, false)]),
  ],
  rejects: [
    { inputs: { ids: [3], table: [5, 4] }, params: {}, message: "ids has dtype f32, expected i32 or u32" },
    { inputs: { ids: { shape: [3], dtype: "i32" }, table: [5, 4, 1] }, params: {}, message: "expected 2 axes" },
    {
      inputs: { ids: { shape: [3], dtype: "i32" }, table: [5, 4] },
      params: { rowStart: -1 },
      message: "rowStart is -1",
    },
    {
      inputs: { ids: { shape: [3], dtype: "i32" }, table: [5, 4], previous: [2, 4] },
      params: {},
      message: "previous has shape [2, 4], expected [3, 4]",
    },
  ],
  tolerance: { f32: 1e-7, f16: 0 }, // int8 is multiplied by its scale; the rest is moved as it is
});
