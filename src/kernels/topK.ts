// The k largest elements along the last axis and their indices (torch.topk with dim = -1): the largest first, the first
// of equals first, NaN above all.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import rankSource from "../../shaders/lib/rank.wgsl";
import { ShapeError } from "../device/errors.ts";
import { lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { expectRanked, rankTypes } from "./rank.ts";
import { defineVariants, isCpu, variantsOf } from "./variants.ts";

export interface TopKParams {
  /** Number of elements that are chosen of each row: 1 to all of them. */
  readonly k: number;
}

function result(x: Spec, { k }: TopKParams): number[] {
  expectRanked("topK", x);
  if (!Number.isInteger(k) || k < 1 || k > lastDim(x)) {
    throw new ShapeError(`[topK] k is ${k}, expected a whole number from 1 to ${lastDim(x)} (last axis of x)`);
  }
  return [...x.shape.slice(0, -1), k];
}

// Loaded where it is launched: no image or text tower uses it.
const source: LazySource = () => import("../../shaders/topK.wgsl");

export const topK = /* @__PURE__ */ defineKernel<TopKParams>()({
  name: "topK",
  wgsl: [invocationSource, rankSource, source],
  inputs: ["x"],
  params: { rows: "u32", cols: "u32", k: "u32" },
  outputs: {
    values: ({ x }, params) => ({ dtype: x.dtype, shape: result(x, params) }),
    indices: ({ x }, params) => ({ dtype: "i32", shape: result(x, params) }),
  },
  launch: ({ x }, { k }) => ({ params: { rows: rowsOf(x), cols: lastDim(x), k }, types: rankTypes(x) }),
  variants: ({ x }, { k }) => variantsOf(TABLE, { rows: rowsOf(x), cols: lastDim(x), k }),
  flops: ({ x }) => sizeOf(x.shape),
});

interface Size {
  readonly rows: number;
  readonly cols: number;
  readonly k: number;
}

// Beyond this many, looking for the next one again and again costs more than counting for every element.
const FEW = 16;
/** MOST of the shader. */
const MOST_SELECTED = 1024;
/** From so many comparisons on, five looks at each element are fewer. */
const WORTH_SELECTING = 1 << 14;

const TABLE = /* @__PURE__ */ defineVariants<Size>()({
  variants: {
    rowPerThread: {
      suits: ({ k, rows }) => k <= FEW && rows >= 8,
      launch: ({ rows }) => ({
        entryPoint: "rowPerThread",
        overrides: { WG: 8 },
        workgroups: foldWorkgroups(Math.ceil(rows / 8)),
      }),
    },
    rowPerGroup: {
      suits: ({ k }) => k <= FEW,
      launch: ({ rows }) => ({ entryPoint: "rowPerGroup", overrides: { WG: 64 }, workgroups: foldWorkgroups(rows) }),
    },
    selectPerGroup: {
      fits: ({ k }) => k <= MOST_SELECTED,
      suits: ({ k, cols }) => k * cols >= WORTH_SELECTING,
      launch: ({ rows }, { info }) => ({
        entryPoint: "selectPerGroup",
        overrides: { WG: isCpu(info.class) ? 8 : 256 },
        workgroups: foldWorkgroups(rows),
      }),
    },
    elementPerThread: {
      launch: ({ rows, cols }) => ({
        entryPoint: "elementPerThread",
        overrides: { WG: 64 },
        workgroups: foldWorkgroups(Math.ceil((rows * cols) / 64)),
      }),
    },
  },
  best: {
    cpu: ["selectPerGroup", "rowPerThread", "elementPerThread"],
    gpu: ["selectPerGroup", "rowPerGroup", "elementPerThread"],
  },
});
