// Parts of places put where they lie in the picture (torch.nn.functional.pixel_shuffle, once or several times), from
// channels last to channels first: the end of a chain of transposed convolutions with stride 2 and kernel 2, each of
// which is a matmul to four parts of every place (SAM's mask decoder).
import pixelShuffleSource from "../../shaders/pixelShuffle.wgsl";
import { ArgumentError } from "../device/errors.ts";
import { expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface PixelShuffleParams {
  /** Places [height, width] of the map. */
  readonly grid: readonly [number, number];
  /** How many times a side doubles; 1 when absent. */
  readonly levels?: number;
}

function result({ dtype, shape }: Spec, { grid: [H, W], levels = 1 }: PixelShuffleParams): Spec {
  return { dtype, shape: [shape[0] ?? 0, shape[3] ?? 0, H << levels, W << levels] };
}

export const pixelShuffle = /* @__PURE__ */ defineKernel<PixelShuffleParams>()({
  name: "pixelShuffle",
  wgsl: [...flat, pixelShuffleSource],
  inputs: ["x"],
  params: { count: "u32", H: "u32", W: "u32", C: "u32", levels: "u32" },
  output: ({ x }, params) => {
    const { grid, levels = 1 } = params;
    if (!Number.isInteger(levels) || levels < 0 || levels > 8) {
      throw new ArgumentError(`[pixelShuffle] levels is ${levels}, expected a whole number from 0 to 8`);
    }
    const expected = [x.shape[0] ?? 0, sizeOf(grid), 4 ** levels, x.shape[3] ?? 0];
    expectShape("pixelShuffle", "x", x.shape, expected, "batch, places, parts, channels");
    return result(x, params);
  },
  launch: ({ x }, params) => {
    const { grid, levels = 1 } = params;
    const count = sizeOf(x.shape);
    return {
      params: { count, H: grid[0], W: grid[1], C: x.shape[3] ?? 0, levels },
      types: { Elem: x.dtype },
      workgroups: flatWorkgroups(count),
    };
  },
});
