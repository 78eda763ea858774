// Convolution (torch.nn.functional.conv2d), channels last, with bias and activation in its epilogue.
import source from "../../shaders/conv2d.wgsl";
import activationSource from "../../shaders/lib/activation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { expectFloat, expectSameDType, FLAT_THREADS } from "./axes.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import { type Pair, slide, type Windows } from "./window.ts";

export interface Conv2dParams {
  /** 1 when absent. */
  readonly stride?: Pair;
  /** Rows and columns of zeros on each side; 0 when absent. */
  readonly padding?: Pair;
  /** 1 when absent. */
  readonly dilation?: Pair;
  /** Parts into which the channels fall; 1 when absent, C for a depthwise convolution. */
  readonly groups?: number;
  readonly activation?: Activation;
}

function windows(x: Spec, weight: Spec, params: Conv2dParams): Windows {
  const [, , KH = 0, KW = 0] = weight.shape;
  const { stride = 1, padding = 0, dilation = 1 } = params;
  return slide("conv2d", x, { kernel: [KH, KW], stride, padding, dilation });
}

export const conv2d = defineKernel<Conv2dParams>()({
  name: "conv2d",
  wgsl: [activationSource, nanSource, source],
  inputs: ["x", "weight", "bias"],
  optional: ["bias"],
  params: {
    count: "u32",
    H: "u32",
    W: "u32",
    C: "u32",
    OH: "u32",
    OW: "u32",
    O: "u32",
    KH: "u32",
    KW: "u32",
    groups: "u32",
    strideH: "u32",
    strideW: "u32",
    paddingH: "u32",
    paddingW: "u32",
    dilationH: "u32",
    dilationW: "u32",
  },
  output: ({ x, weight, bias }, params) => {
    expectFloat("conv2d", "x", x);
    expectSameDType("conv2d", "weight", weight, "x", x);
    expectRank("conv2d", "weight", weight.shape, 4);
    const { places } = windows(x, weight, params);
    const [B = 0, , , C = 0] = x.shape;
    const [O = 0, depth = 0] = weight.shape;
    const { groups = 1 } = params;
    if (!Number.isInteger(groups) || groups < 1 || C % groups !== 0 || O % groups !== 0) {
      throw new ArgumentError(`[conv2d] groups is ${groups}, expected a divisor of ${C} and ${O} channels in and out`);
    }
    if (depth !== C / groups) {
      const got = `weight ${formatShape(weight.shape)} for x ${formatShape(x.shape)}`;
      throw new ShapeError(`[conv2d] ${got}: expected [O, ${C / groups}, KH, KW] (channels of x by ${groups} groups)`);
    }
    if (bias) expectShape("conv2d", "bias", bias.shape, [O], "first axis of weight");
    return { dtype: x.dtype, shape: [B, ...places, O] };
  },
  launch: ({ x, weight, bias }, params) => {
    const { kernel, stride, padding, dilation, places } = windows(x, weight, params);
    const [B = 0, H = 0, W = 0, C = 0] = x.shape;
    const [O = 0] = weight.shape;
    const { groups = 1, activation = "none" } = params;
    const count = sizeOf([B, ...places, O]);
    return {
      params: {
        ...{ count, H, W, C, O, groups },
        ...{ OH: places[0], OW: places[1], KH: kernel[0], KW: kernel[1] },
        ...{ strideH: stride[0], strideW: stride[1], paddingH: padding[0], paddingW: padding[1] },
        ...{ dilationH: dilation[0], dilationW: dilation[1] },
      },
      types: { Elem: x.dtype },
      overrides: { WG: FLAT_THREADS, ACTIVATION: ACTIVATIONS[activation], HAS_BIAS: bias ? 1 : 0 },
      workgroups: foldWorkgroups(Math.ceil(count / FLAT_THREADS)),
    };
  },
  flops: ({ x, weight }, params) => {
    const { places } = windows(x, weight, params);
    return 2 * (x.shape[0] as number) * sizeOf(places) * sizeOf(weight.shape);
  },
});
