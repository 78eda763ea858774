// Products of the places of a map with those near them in other maps: the affinity by which labels go through a
// video (facebookresearch/dino: eval_video_segmentation.py).
import { ArgumentError } from "../device/errors.ts";
import { expectRank, expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, expectSameDType, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface LocalSimilarityParams {
  /** Places [height, width] of each map, row by row. */
  readonly grid: readonly [number, number];
  /** How many rows and columns away a neighbour is, at most. */
  readonly reach: number;
  /** The first row of the map that is computed; 0 when absent. */
  readonly first?: number;
  /** How many rows are; all from the first on when absent. */
  readonly rows?: number;
}

/** Stands for neighbours beyond the map: smaller than every product of unit vectors. */
export const NO_NEIGHBOUR = -2;

function sizes(b: Spec, { grid: [height, width], reach, first = 0, rows = height - first }: LocalSimilarityParams) {
  const [down, across] = [Math.min(reach, height - 1), Math.min(reach, width - 1)];
  const [frames = 0, , C = 0] = b.shape;
  return { height, width, down, across, frames, C, first, rows, lines: 2 * down + 1, side: 2 * across + 1 };
}

// Loaded where it is launched: videos alone have it.
const source: LazySource = () => import("../../shaders/localSimilarity.wgsl");

export const localSimilarity = /* @__PURE__ */ defineKernel<LocalSimilarityParams>()({
  name: "localSimilarity",
  wgsl: [...flat, source],
  inputs: ["a", "b"],
  params: {
    count: "u32",
    words: "u32",
    height: "u32",
    width: "u32",
    down: "u32",
    across: "u32",
    frames: "u32",
    first: "u32",
  },
  output: ({ a, b }, params) => {
    expectRank("localSimilarity", "b", b.shape, 3);
    expectFloat("localSimilarity", "a", a);
    expectSameDType("localSimilarity", "b", b, "a", a);
    const { height, width, frames, C, first, rows, lines, side } = sizes(b, params);
    expectShape("localSimilarity", "a", a.shape, [height * width, C], "grid and channels of b");
    expectShape("localSimilarity", "b", b.shape, [frames, height * width, C], "grid");
    const isWhole = [height, width, params.reach + 1, first + 1, rows + 1].every((n) => Number.isInteger(n) && n >= 1);
    if (!isWhole || first + rows > height) {
      const got = [height, width, params.reach, first, rows];
      throw new ArgumentError(
        `[localSimilarity] grid, reach, first and rows are ${got}, expected whole numbers, and rows within the grid`,
      );
    }
    return { dtype: "f32", shape: [rows * width, frames, lines, side] };
  },
  launch: ({ a, b }, params) => {
    const { height, width, down, across, frames, C, first, rows, lines, side } = sizes(b, params);
    // A thread makes the products of 4 places and 4 neighbours: PLACES and BLOCK of the shader.
    const count = rows * Math.ceil(width / 4) * frames * lines * Math.ceil((side + 3) / 4);
    const isWide = C % 4 === 0;
    return {
      params: { count, words: isWide ? C / 4 : C, height, width, down, across, frames, first },
      types: { Elem: a.dtype, Word: isWide ? "vec4<Elem>" : "Elem" },
      overrides: { LANES: isWide ? 4 : 1 },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ b }, params) => {
    const { width, frames, C, rows, lines, side } = sizes(b, params);
    return 2 * sizeOf([rows * width, frames, lines, side, C]);
  },
});
