// What a search computes of a block of rows: products with the queries, and the best of them.

import { innerProduct } from "../graph/moreOps.ts";
import { topK } from "../graph/ops.ts";
import { definePart, type InputSpec } from "../models/part.ts";
import type { RowType } from "./rowSource.ts";

export interface SearchSettings {
  /** One, or a multiple of 4. */
  readonly queries: number;
  /** Rows of a block, whole words of 32; a run says how many there are (`count`). */
  readonly rows: number;
  readonly channels: number;
  readonly dtype: RowType;
  readonly k: number;
  /** Whether a run says which rows count. */
  readonly isFiltered: boolean;
}

/** What innerProduct takes; not all runs have all of it. */
type Operands = Parameters<typeof innerProduct>[0];

/** queries [C, Q] and rows [N, C] to the products and places in the block of the k best rows of each: [Q, k]. */
export const searchPart = /* @__PURE__ */ definePart({
  name: "search",
  inputs: ({
    queries: Q,
    rows: N,
    channels: C,
    dtype,
    isFiltered,
  }: SearchSettings): Readonly<Record<string, InputSpec>> => ({
    queries: { dtype: "f32", shape: [C, Q] },
    rows: { dtype, shape: [N, C], bound: true },
    ...(dtype === "i8" && { rowsScale: { dtype: "f32", shape: [N], bound: true } }),
    ...(isFiltered && { allowed: { dtype: "u32", shape: [N / 32] } }),
  }),
  record: (inputs, _, { k, rows: N }) => {
    const given = inputs as unknown as Operands;
    const products = innerProduct(given, { count: given.queries.graph.length("count", N) }); // [Q, N]
    return topK({ x: products }, { k });
  },
});
