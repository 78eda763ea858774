// Index of the largest element along the last axis (torch.argmax with dim = -1): the first of equals, NaN above all.

import invocationSource from "../../shaders/lib/invocation.wgsl";
import rankSource from "../../shaders/lib/rank.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { lastDim, rowsOf, sizeOf } from "../device/tensor.ts";
import { rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { expectRanked, rankTypes } from "./rank.ts";

// Loaded where it is launched: no image or text tower uses it.
const source: LazySource = () => import("../../shaders/argmax.wgsl");

export const argmax = /* @__PURE__ */ defineKernel<object>()({
  name: "argmax",
  wgsl: [invocationSource, rankSource, reduceSource, source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32" },
  output: ({ x }) => {
    expectRanked("argmax", x);
    return { dtype: "i32", shape: x.shape.slice(0, -1) };
  },
  launch: ({ x }) => ({ params: { rows: rowsOf(x), cols: lastDim(x) }, types: rankTypes(x) }),
  variants: ({ x }) => rowVariants({ rows: rowsOf(x), columns: lastDim(x) }),
  flops: ({ x }) => sizeOf(x.shape),
});
