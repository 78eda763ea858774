// Rows that become some rows of a larger tensor, whose other rows stay as they are: a memory that grows. In a plan the
// larger tensor is a state's buffer (`ops.writeRows`); by itself the kernel writes into zeros.

import invocationSource from "../../shaders/lib/invocation.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Shape, type Spec, sameShape, sizeOf } from "../device/tensor.ts";
import { flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { type Length, mostOf } from "./length.ts";

export interface WriteRowsParams {
  /** Shape of the larger tensor. */
  readonly shape: Shape;
  /** The first of its rows that is written. */
  readonly at: number | Length;
}

// Loaded where it is launched: most models remember nothing from run to run.
const source: LazySource = () => import("../../shaders/writeRows.wgsl");

function checkRows(rows: Spec, { shape, at }: WriteRowsParams): void {
  const [all = 0, ...row] = shape;
  const [count = 0, ...givenRow] = rows.shape;
  if (rows.shape.length === 0 || shape.length === 0 || !sameShape(row, givenRow)) {
    throw new ShapeError(`[writeRows] rows ${formatShape(rows.shape)} are not rows of ${formatShape(shape)}`);
  }
  if (rows.dtype === "i8") throw new ShapeError("[writeRows] rows has dtype i8, expected f32, f16, i32 or u32");
  const last = mostOf(at);
  if (!Number.isInteger(last) || last < 0) {
    throw new ArgumentError(`[writeRows] at is ${last}, expected a whole number from 0`);
  }
  if (last + count > all) {
    throw new ShapeError(`[writeRows] ${count} rows at ${last} go beyond ${formatShape(shape)}, which has ${all}`);
  }
}

export const writeRows = /* @__PURE__ */ defineKernel<WriteRowsParams>()({
  name: "writeRows",
  wgsl: [invocationSource, source],
  inputs: ["rows"],
  params: { items: "u32", rowItems: "u32", at: "u32" },
  output: ({ rows }, params) => {
    checkRows(rows, params);
    return { dtype: rows.dtype, shape: params.shape };
  },
  launch: ({ rows }, { shape, at }) => {
    const width = sizeOf(shape.slice(1));
    const isWide = width % 4 === 0;
    const [items, rowItems] = [sizeOf(rows.shape), width].map((elements) => elements / (isWide ? 4 : 1));
    return {
      params: { items: items as number, rowItems: rowItems as number, at },
      types: { Item: isWide ? `vec4<${rows.dtype}>` : rows.dtype },
      workgroups: flatWorkgroups(items as number),
    };
  },
});
