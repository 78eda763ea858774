// The last of three steps of a 3x3 convolution by Winograd's algorithm (src/graph/rewrites/winograd.ts): from the
// products of each tile to 2x2 places, with the epilogue of conv2d.
import { ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, formatShape, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { type EpilogueParams, epilogueLaunch, expectEpilogue, residualRows, withEpilogue } from "./epilogue.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { tilesOf } from "./winogradInput.ts";

export interface WinogradOutputParams extends EpilogueParams {
  /** Of the result: [batch, height, width]. */
  readonly places: readonly [number, number, number];
}

// Loaded where it is launched: CPU adapters alone convolve by Winograd.
const source: LazySource = () => import("../../shaders/winogradOutput.wgsl");

export const winogradOutput = /* @__PURE__ */ defineKernel<WinogradOutputParams>()({
  name: "winogradOutput",
  wgsl: /* @__PURE__ */ withEpilogue(...flat, source),
  inputs: ["m", "bias", "scale", "residual"],
  optional: ["bias", "scale", "residual"],
  params: { count: "u32", OH: "u32", OW: "u32", O4: "u32", TH: "u32", TW: "u32", residualRows: "u32" },
  output: ({ m, bias, scale, residual }, { places: [B, OH, OW] }) => {
    expectFloat("winogradOutput", "m", m);
    expectRank("winogradOutput", "m", m.shape, 3);
    const O = m.shape[2] as number;
    expectShape("winogradOutput", "m", m.shape, [16, B * sizeOf(tilesOf([OH, OW])), O], "elements, tiles, channels");
    if (O % 4 !== 0) {
      throw new ShapeError(`[winogradOutput] m has shape ${formatShape(m.shape)}, expected a multiple of 4 channels`);
    }
    expectEpilogue("winogradOutput", { bias, scale, residual }, B * OH * OW, O);
    return { dtype: m.dtype, shape: [B, OH, OW, O] };
  },
  launch: ({ m, bias, scale, residual }, { places: [, OH, OW], ...params }) => {
    const [, tiles = 0, O = 0] = m.shape;
    const [TH, TW] = tilesOf([OH, OW]);
    const count = (tiles * O) / 4;
    const epilogue = epilogueLaunch({ bias, scale, residual }, params, O);
    return {
      params: { count, OH, OW, O4: O / 4, TH, TW, residualRows: residualRows({ residual }) },
      types: { Elem: m.dtype, ...epilogue.types },
      overrides: { ...epilogue.overrides },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ m }) => (24 * sizeOf(m.shape)) / 16,
});
