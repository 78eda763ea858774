// The first of three steps of a 3x3 convolution with stride 1 by Winograd's algorithm, F(2x2, 3x3): tiles of 4x4
// places, of which the second step is a matmul for each of 16 elements (src/graph/rewrites/winograd.ts).
import { ShapeError } from "../device/errors.ts";
import { formatShape, type Spec } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { type Pair, slide } from "./window.ts";

export interface WinogradInputParams {
  /** Rows and columns of zeros on each side; 0 when absent. */
  readonly padding?: Pair;
}

/** Tiles of a picture, by height and width: each gives 2x2 of these windows. */
export function tilesOf(places: readonly [number, number]): readonly [number, number] {
  return [Math.ceil(places[0] / 2), Math.ceil(places[1] / 2)];
}

function sizes(x: Spec, { padding = 0 }: WinogradInputParams) {
  const windows = slide("winogradInput", x, { kernel: 3, stride: 1, padding, dilation: 1 });
  const [TH, TW] = tilesOf(windows.places);
  return { tiles: (x.shape[0] as number) * TH * TW, TH, TW, padding: windows.padding };
}

// Loaded where it is launched: many adapters do not convolve by Winograd.
const source: LazySource = () => import("../../shaders/winogradInput.wgsl");

export const winogradInput = /* @__PURE__ */ defineKernel<WinogradInputParams>()({
  name: "winogradInput",
  wgsl: [...flat, source],
  inputs: ["x"],
  params: {
    count: "u32",
    H: "u32",
    W: "u32",
    C4: "u32",
    TH: "u32",
    TW: "u32",
    paddingH: "u32",
    paddingW: "u32",
  },
  output: ({ x }, params) => {
    expectFloat("winogradInput", "x", x);
    const { tiles } = sizes(x, params);
    const C = x.shape[3] as number;
    if (C % 4 !== 0) {
      throw new ShapeError(`[winogradInput] x has shape ${formatShape(x.shape)}, expected a multiple of 4 channels`);
    }
    return { dtype: x.dtype, shape: [16, tiles, C] };
  },
  launch: ({ x }, params, { smallestSubgroup }) => {
    const [, H = 0, W = 0, C = 0] = x.shape;
    const { tiles, TH, TW, padding } = sizes(x, params);
    const count = (tiles * C) / 4;
    return {
      params: { count, H, W, C4: C / 4, TH, TW, paddingH: padding[0], paddingW: padding[1] },
      types: { Elem: x.dtype },
      subgroupSize: smallestSubgroup, // 64 numbers a thread
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ x }, params) => 32 * sizes(x, params).tiles * (x.shape[3] as number),
});
