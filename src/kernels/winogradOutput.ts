// The last of three steps of a 3x3 convolution by Winograd's algorithm (src/graph/winograd.ts): from the products of
// each tile to 2x2 places, with the epilogue of conv2d.
import activationSource from "../../shaders/lib/activation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import source from "../../shaders/winogradOutput.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, formatShape, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { expectFloat, FLAT_THREADS } from "./axes.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import { tilesOf } from "./winogradInput.ts";

export interface WinogradOutputParams {
  /** Of the result: [batch, height, width]. */
  readonly places: readonly [number, number, number];
  /** Before the residual; none when absent. */
  readonly activation?: Activation;
  /** After the residual. */
  readonly outputActivation?: Activation;
}

export const winogradOutput = /* @__PURE__ */ defineKernel<WinogradOutputParams>()({
  name: "winogradOutput",
  wgsl: [activationSource, nanSource, source],
  inputs: ["m", "bias", "residual"],
  optional: ["bias", "residual"],
  params: { count: "u32", OH: "u32", OW: "u32", O4: "u32", TH: "u32", TW: "u32" },
  output: ({ m, bias, residual }, { places: [B, OH, OW] }) => {
    expectFloat("winogradOutput", "m", m);
    expectRank("winogradOutput", "m", m.shape, 3);
    const O = m.shape[2] as number;
    expectShape("winogradOutput", "m", m.shape, [16, B * sizeOf(tilesOf([OH, OW])), O], "elements, tiles, channels");
    if (O % 4 !== 0) {
      throw new ShapeError(`[winogradOutput] m has shape ${formatShape(m.shape)}, expected a multiple of 4 channels`);
    }
    const shape = [B, OH, OW, O];
    if (bias) expectShape("winogradOutput", "bias", bias.shape, [O], "last axis of m");
    if (residual) expectShape("winogradOutput", "residual", residual.shape, shape, "shape of the result");
    return { dtype: m.dtype, shape };
  },
  launch: ({ m, bias, residual }, { places: [, OH, OW], activation = "none", outputActivation = "none" }) => {
    const [, tiles = 0, O = 0] = m.shape;
    const [TH, TW] = tilesOf([OH, OW]);
    const count = (tiles * O) / 4;
    return {
      params: { count, OH, OW, O4: O / 4, TH, TW },
      types: { Elem: m.dtype },
      overrides: {
        WG: FLAT_THREADS,
        ACTIVATION: ACTIVATIONS[activation],
        OUTPUT_ACTIVATION: ACTIVATIONS[outputActivation],
        HAS_BIAS: bias ? 1 : 0,
        HAS_RESIDUAL: residual ? 1 : 0,
      },
      workgroups: foldWorkgroups(Math.ceil(count / FLAT_THREADS)),
    };
  },
  flops: ({ m }) => (24 * sizeOf(m.shape)) / 16,
});
