// Rows of a table by number (torch.nn.functional.embedding). A table beyond one binding is gathered chunk by chunk:
// each call takes the rows it holds and passes the others on.

import int8Source from "../../shaders/lib/int8.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, lastDim, type Spec, sizeOf } from "../device/tensor.ts";
import { expectSameDType, flatWorkgroups, wordsOf } from "./axes.ts";
import { expectScale, int8Types } from "./int8.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface GatherParams {
  /** Id of the table's first row; 0 when absent. */
  readonly rowStart?: number;
}

/** Rows of int8 come as f32. */
function result(ids: Spec, table: Spec): Spec {
  return { dtype: table.dtype === "i8" ? "f32" : table.dtype, shape: [...ids.shape, lastDim(table)] };
}

// Loaded where it is launched: text towers alone look tokens up.
const source: LazySource = () => import("../../shaders/gather.wgsl");

export const gather = /* @__PURE__ */ defineKernel<GatherParams>()({
  name: "gather",
  wgsl: [invocationSource, wordsSource, int8Source, source],
  inputs: ["ids", "table", "previous", "tableScale"],
  optional: ["previous", "tableScale"],
  params: { words: "u32", n: "u32", rows: "u32", cols: "u32", rowStart: "u32" },
  output: ({ ids, table, previous, tableScale }, { rowStart = 0 }) => {
    if (ids.dtype !== "i32" && ids.dtype !== "u32") {
      throw new ShapeError(`[gather] ids has dtype ${ids.dtype}, expected i32 or u32`);
    }
    expectRank("gather", "table", table.shape, 2);
    if (!Number.isInteger(rowStart) || rowStart < 0) {
      throw new ArgumentError(`[gather] rowStart is ${rowStart}, expected a whole number from 0`);
    }
    expectScale("gather", "table", table, tableScale, table.shape.slice(0, 1));
    const y = result(ids, table);
    if (previous) {
      expectShape("gather", "previous", previous.shape, y.shape, "shape of the result");
      expectSameDType("gather", "previous", previous, "the result", y);
    }
    return y;
  },
  launch: ({ ids, table, previous }, { rowStart = 0 }) => {
    const y = result(ids, table);
    const [rows = 0, cols = 0] = table.shape;
    return {
      params: { words: wordsOf(y), n: sizeOf(ids.shape), rows, cols, rowStart },
      types: { Elem: y.dtype, ...int8Types("Table", table) },
      overrides: { WIDE: cols % 4 === 0 ? 1 : 0, HAS_PREVIOUS: previous ? 1 : 0 },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
});
