// Inner products of queries with rows, for exact search (Faiss: IndexFlatIP). The rows may be f16 or int8 where the
// queries are f32, and of a block of rows some may be there and allowed.
import int8Source from "../../shaders/lib/int8.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectSameDType } from "./axes.ts";
import { expectScale } from "./int8.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { type Length, mostOf } from "./length.ts";
import { defineVariants, type Variant, variantsOf } from "./variants.ts";

export interface InnerProductParams {
  /** Rows that are there, the first ones; all of them when absent. */
  readonly count?: number | Length;
}

/** What stands in place of the product of a row that is not there or not allowed. */
export const LOWEST_PRODUCT = -3.4028234e38;

/** Types of rows: elements in 16 bytes. */
const ROW_TYPES = { f32: 4, f16: 8, i8: 16 } as const;
type RowType = keyof typeof ROW_TYPES;

/** How many elements a row is padded to: whole words of 16 bytes. */
export function elementsOfWord(dtype: RowType): number {
  return ROW_TYPES[dtype];
}

function sizes(queries: Spec, rows: Spec) {
  const [C = 0, Q = 0] = queries.shape;
  return { Q, N: rows.shape[0] ?? 0, C };
}

// Loaded where it is launched: search comes after embeddings.
const source: LazySource = () => import("../../shaders/innerProduct.wgsl");

export const innerProduct = /* @__PURE__ */ defineKernel<InnerProductParams>()({
  name: "innerProduct",
  wgsl: [invocationSource, int8Source, source],
  inputs: ["queries", "rows", "rowsScale", "allowed"],
  optional: ["rowsScale", "allowed"],
  params: { Q: "u32", N: "u32", count: "u32", C: "u32" },
  output: ({ queries, rows, rowsScale, allowed }, { count }) => {
    expectRank("innerProduct", "queries", queries.shape, 2);
    expectSameDType("innerProduct", "queries", queries, "y", { dtype: "f32", shape: [] });
    const word = ROW_TYPES[rows.dtype as RowType];
    if (!word) throw new ShapeError(`[innerProduct] rows has dtype ${rows.dtype}, expected f32, f16 or i8`);
    const { Q, N, C } = sizes(queries, rows);
    expectShape("innerProduct", "rows", rows.shape, [N, C], "as queries");
    const whole = (count: number, of: number) => of * Math.ceil(count / of);
    expectShape("innerProduct", "queries", queries.shape, [whole(C, word), Q > 1 ? whole(Q, 4) : Q], "padded");
    expectScale("innerProduct", "rows", rows, rowsScale, [N]);
    if (allowed) expectShape("innerProduct", "allowed", allowed.shape, [Math.ceil(N / 32)], "a bit a row");
    if (count !== undefined && mostOf(count) > N) {
      throw new ShapeError(`[innerProduct] count is ${mostOf(count)}, expected at most ${N}`);
    }
    return { dtype: "f32", shape: [Q, N] };
  },
  launch: ({ queries, rows, allowed }, { count }) => {
    const { Q, N, C } = sizes(queries, rows);
    return {
      params: { Q, N, count: count ?? N, C },
      types: { VECTORS: `${ROW_TYPES[rows.dtype as RowType] / 4}u` },
      overrides: { HAS_ALLOWED: allowed ? 1 : 0 },
    };
  },
  variants: ({ queries, rows }) => variantsOf(TABLE, sizes(queries, rows)),
  flops: ({ queries, rows }) => {
    const { Q, N, C } = sizes(queries, rows);
    return 2 * sizeOf([Q, N, C]);
  },
});

type Size = ReturnType<typeof sizes>;

/** A variant whose workgroups have so many rows each, and so many queries: a thread's when absent. */
function byRows(entryPoint: string, rowsOfGroup: number, queriesOfGroup?: number): Variant<Size> {
  return {
    launch: ({ Q, N }) => {
      // Each 16 bytes of a row are unpacked once for so many.
      const perThread = Q > 4 ? 8 : Q || 1;
      const groups = Math.ceil(N / rowsOfGroup) * Math.ceil(Q / (queriesOfGroup ?? perThread));
      return { entryPoint, types: { QUERIES: `${perThread}u` }, workgroups: foldWorkgroups(groups) };
    },
  };
}

const TABLE = /* @__PURE__ */ defineVariants<Size>()({
  variants: {
    queryPerThread: {
      fits: ({ Q }) => Q !== 1,
      suits: ({ Q }) => Q > 8,
      .../* @__PURE__ */ byRows("queryPerThread", 4, 64),
    },
    rowPerThread: /* @__PURE__ */ byRows("rowPerThread", 64),
    rowPerLanes: /* @__PURE__ */ byRows("rowPerLanes", 8),
  },
  // On GPUs the threads of a row read neighbours; barriers are dear on CPUs.
  best: { cpu: ["queryPerThread", "rowPerThread"], gpu: ["rowPerLanes", "rowPerThread"] },
});
