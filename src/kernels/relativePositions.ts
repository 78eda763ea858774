// Decomposed relative positions of attention in SAM's image encoder (Li et al. 2021, MViTv2; facebookresearch/
// segment-anything: modeling/image_encoder.py, add_decomposed_rel_pos): for each query and head, its products with one
// learned vector per row and per column of its window. attention adds them to its scores as it goes.
import lanesSource from "../../shaders/lib/lanes.wgsl";
import noLanesSource from "../../shaders/lib/noLanes.wgsl";
import outerSource from "../../shaders/lib/outer.wgsl";
import unrollSource from "../../shaders/lib/unroll.wgsl";
import relativePositionsSource from "../../shaders/relativePositions.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { defineVariants, unrollType, type Variant, variantsOf } from "./variants.ts";

export interface RelativePositionsParams {
  /** Number of heads. */
  readonly heads: number;
  /** Places [height, width] of the map that the tokens are, row by row. */
  readonly grid: readonly [number, number];
  /** Side of the windows that the map is cut into; the whole map when absent. */
  readonly window?: number | undefined;
  /** Where the columns of q begin in its rows; 0 when absent. */
  readonly qOffset?: number;
}

function sizes({ q, table }: { q: Spec; table: Spec }, { grid, window }: RelativePositionsParams) {
  const [batch = 0] = q.shape;
  const [height, width] = grid;
  const [windowHeight, windowWidth] = window ? [window, window] : grid;
  return { batch, height, width, windowHeight, windowWidth, D: lastDim(table) };
}

export const relativePositions = /* @__PURE__ */ defineKernel<RelativePositionsParams>()({
  name: "relativePositions",
  wgsl: [outerSource, unrollSource, relativePositionsSource],
  inputs: ["q", "table"],
  params: {
    heads: "u32",
    D: "u32",
    qOffset: "u32",
    qStride: "u32",
    height: "u32",
    width: "u32",
    windowHeight: "u32",
    windowWidth: "u32",
  },
  output: ({ q, table }, params) => {
    const { batch, height, width, windowHeight, windowWidth, D } = sizes({ q, table }, params);
    const { heads, qOffset = 0 } = params;
    expectShape("relativePositions", "q", q.shape, [batch, height * width, lastDim(q)]);
    if (qOffset + heads * D > lastDim(q)) {
      throw new ShapeError(
        `[relativePositions] ${heads} heads of ${D} from ${qOffset} go beyond q ${formatShape(q.shape)}`,
      );
    }
    const distances = 2 * (windowHeight + windowWidth) - 2;
    expectShape("relativePositions", "table", table.shape, [distances, D], "distances of rows, then of columns");
    return { dtype: q.dtype, shape: [batch, height * width, heads, windowHeight + windowWidth] };
  },
  launch: ({ q, table }, params, device) => {
    const { batch: _, ...map } = sizes({ q, table }, params);
    const { heads, qOffset = 0 } = params;
    return {
      params: { heads, qOffset, qStride: lastDim(q), ...map },
      types: { Elem: q.dtype, ...unrollType(device) },
    };
  },
  variants: (inputs, params) => {
    const size = sizes(inputs, params);
    const isWhole = [size.D, params.qOffset ?? 0, lastDim(inputs.q)].every((count) => count % 4 === 0);
    return variantsOf(TABLE, { ...size, heads: params.heads, isWhole });
  },
  // A product with each row and column of a window, of which the table has twice as many distances but 2.
  flops: ({ q, table }, { heads }) => rowsOf(q) * heads * (sizeOf(table.shape) + 2 * lastDim(table)),
});

interface Sizes extends ReturnType<typeof sizes> {
  readonly heads: number;
  /** Rows of q, heads and what is before them are whole vec4s. */
  readonly isWhole: boolean;
}

const elementsSource: LazySource = () => import("../../shaders/lib/relativeElements.wgsl");

const vectorsSource: LazySource = () => import("../../shaders/lib/relativeVectors.wgsl");

/** A workgroup takes 4 tokens of a line for each thread, and 8 or fewer of the window's rows or columns. */
function workgroups({ batch, width, height, windowWidth, windowHeight, heads }: Sizes, threads: number, lines = 8) {
  const tilesOf = (length: number, side: number) => Math.ceil(length / (4 * threads)) * heads * Math.ceil(side / lines);
  const tiles = Math.max(tilesOf(width, windowHeight), tilesOf(height, windowWidth));
  return [tiles, Math.max(height, width), 2 * batch] as const;
}

/** Reads whole vec4s; a thread makes scores for so many lines of a window. */
const vectorsOf = (LINES: 4 | 8): Variant<Sizes> => ({
  fits: ({ isWhole }) => isWhole,
  launch: (size, device) => ({
    lib: [vectorsSource],
    types: { RowWord: "vec4<Elem>", LINES: `${LINES}u` },
    overrides: { WG: 16 },
    subgroupSize: device.smallestSubgroup,
    workgroups: workgroups(size, 16, LINES),
  }),
});

const TABLE = /* @__PURE__ */ defineVariants<Sizes>()({
  variants: {
    threads: {
      launch: (size) => ({
        lib: [noLanesSource, elementsSource],
        overrides: { WG: 16 },
        workgroups: workgroups(size, 16),
      }),
    },
    vectors: vectorsOf(8),
    fewVectors: vectorsOf(4),
    lanes: {
      fits: (_, { subgroupSize }) => subgroupSize !== undefined,
      launch: (size, { subgroupSize = 1 }) => ({
        lib: [lanesSource, elementsSource],
        types: { LANES: `${subgroupSize}u` },
        overrides: { WG: subgroupSize },
        workgroups: workgroups(size, subgroupSize),
      }),
    },
  },
  // GPUs of ARM have 64 registers a thread: with 8 lines Mesa spills 280 times, with 4 less than 20, none in the loop.
  best: {
    "cpu-lavapipe": ["lanes", "threads"],
    cpu: ["threads"],
    gpu: ["vectors", "threads"],
    arm: ["fewVectors", "threads"],
  },
});
