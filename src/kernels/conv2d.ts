// Convolution (torch.nn.functional.conv2d), channels last, with everything that follows it in a ResNet: bias (batch
// norm folded in), ReLU, residual and the ReLU after it. Weights are taken as PyTorch stores them, or packed: then it
// is a product whose left operand, the patches under the window, is read in place (implicit GEMM; Chetlur et al. 2014).
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, expectSameDType, flatWorkgroups } from "./axes.ts";
import { type Conv2dParams, isDepthwise, windowsOf } from "./convolution.ts";
import { epilogueLaunch, expectEpilogue, residualRows, wordTypes } from "./epilogue.ts";
import { expectScale, int8Types } from "./int8.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { PRODUCT_TABLE, splitsOf, withProduct } from "./product.ts";
import { defineVariants, variantsOf } from "./variants.ts";

function checkWeight({ x, weight }: Record<"x" | "weight", Spec>, { groups = 1, packed }: Conv2dParams): void {
  const C = x.shape[3] as number;
  const [O = 0, depth = 0, KH = 0, KW = 0] = packed ?? weight.shape;
  if (!Number.isInteger(groups) || groups < 1 || C % groups !== 0 || O % groups !== 0) {
    throw new ArgumentError(`[conv2d] groups is ${groups}, expected a divisor of ${C} and ${O} channels`);
  }
  if (depth !== C / groups) {
    const got = `weight ${formatShape(packed ?? weight.shape)} for x ${formatShape(x.shape)}`;
    throw new ShapeError(`[conv2d] ${got}: expected [O, ${C / groups}, KH, KW] (channels of x by groups)`);
  }
  if (!packed) return;
  if (groups !== 1 && !isDepthwise(packed, groups)) {
    throw new ArgumentError(`[conv2d] groups is ${groups}: packed weights have one group, or are depthwise`);
  }
  const columns = Math.ceil(O / 4) * 4;
  expectShape("conv2d", "weight", weight.shape, [KH * KW * depth, columns], `${formatShape(packed)} packed`);
}

/** Packed weights of one group: the convolution is a product. */
function isProduct({ groups = 1, packed }: Conv2dParams): boolean {
  return packed !== undefined && groups === 1;
}

/** Of the product of patches and weights. */
function sizes(inputs: Record<"x" | "weight", Spec>, params: Conv2dParams) {
  const { x, weight } = inputs;
  const { kernel, places } = windowsOf(inputs, params);
  const [B = 0, , , C = 0] = x.shape;
  const [N = 0] = params.packed ?? weight.shape;
  return { batch: 1, M: sizeOf([B, ...places]), N, K: sizeOf(kernel) * C, N4: Math.ceil(N / 4) };
}

// Loaded where it is launched: ResNets, TinyViT and SAM's neck convolve; patches are embedded by a product.
const source: LazySource = () => import("../../shaders/conv2d.wgsl");

export const conv2d = /* @__PURE__ */ defineKernel<Conv2dParams>()({
  name: "conv2d",
  wgsl: /* @__PURE__ */ withProduct(source),
  inputs: ["x", "weight", "bias", "scale", "residual", "weightScale"],
  optional: ["bias", "scale", "residual", "weightScale"],
  params: {
    M: "u32",
    N: "u32",
    K: "u32",
    N4: "u32",
    H: "u32",
    W: "u32",
    C: "u32",
    OH: "u32",
    OW: "u32",
    KH: "u32",
    KW: "u32",
    groups: "u32",
    strideH: "u32",
    strideW: "u32",
    paddingH: "u32",
    paddingW: "u32",
    dilationH: "u32",
    dilationW: "u32",
    pieceLength: "u32",
    piecesAcross: "u32",
    residualRows: "u32",
  },
  product: {
    left: "x",
    right: "weight",
    takesInt8: isProduct,
    splits: ({ x, weight }, params, device) => (isProduct(params) ? splitsOf(sizes({ x, weight }, params), device) : 1),
  },
  output: ({ x, weight, bias, scale, residual, weightScale }, params) => {
    expectFloat("conv2d", "x", x);
    if (weight.dtype !== "i8") expectSameDType("conv2d", "weight", weight, "x", x);
    else if (!params.packed) throw new ShapeError("[conv2d] weight of i8 must be packed");
    expectScale("conv2d", "weight", weight, weightScale, weight.shape.slice(1));
    expectRank("conv2d", "weight", params.packed ?? weight.shape, 4);
    const { places } = windowsOf({ x, weight }, params);
    checkWeight({ x, weight }, params);
    const { M, N } = sizes({ x, weight }, params);
    expectEpilogue("conv2d", { bias, scale, residual }, M, N);
    const shape = [x.shape[0] as number, ...places, N];
    const { splits = 1 } = params;
    return { dtype: x.dtype, shape: splits > 1 ? [splits, ...shape] : shape };
  },
  launch: ({ x, weight, bias, scale, residual }, params) => {
    const { kernel, stride, padding, dilation, places } = windowsOf({ x, weight }, params);
    const [, H = 0, W = 0, C = 0] = x.shape;
    const { groups = 1, splits = 1 } = params;
    const { M, N, K, N4 } = sizes({ x, weight }, params);
    const piecesAcross = dilation[1] === 1 ? 1 : kernel[1];
    // Weights as PyTorch stores them are summed one element of the result a thread.
    const epilogue = epilogueLaunch({ bias, scale, residual }, params, params.packed ? N : 1);
    return {
      params: {
        ...{ M, N, K, N4, H, W, C, groups, piecesAcross, pieceLength: (C * kernel[1]) / piecesAcross },
        ...{ OH: places[0], OW: places[1], KH: kernel[0], KW: kernel[1] },
        ...{ strideH: stride[0], strideW: stride[1], paddingH: padding[0], paddingW: padding[1] },
        ...{ dilationH: dilation[0], dilationW: dilation[1], residualRows: residualRows({ residual }) },
      },
      types: { Elem: x.dtype, ...int8Types("Right", weight), ...epilogue.types },
      lib: epilogue.lib,
      overrides: { ...epilogue.overrides, SPLITS: splits },
      ...(M * N === 0 && { workgroups: [0] as const }),
    };
  },
  variants: ({ x, weight }, params) => {
    const size = sizes({ x, weight }, params);
    if (!isProduct(params)) return variantsOf(OTHERS, { ...size, isPacked: !!params.packed });
    const leftWidth = (x.shape[3] as number) % 4 === 0 ? 4 : 1;
    return variantsOf(PRODUCT_TABLE, { ...size, splits: params.splits ?? 1, type: weight.dtype, leftWidth });
  },
  flops: ({ x, weight }, params) => {
    const { places } = windowsOf({ x, weight }, params);
    return 2 * (x.shape[0] as number) * sizeOf(places) * sizeOf(params.packed ?? weight.shape);
  },
});

interface Sizes {
  readonly M: number;
  readonly N: number;
  readonly N4: number;
  readonly isPacked: boolean;
}

/** What is no product: weights as they are stored, and those that are packed for each channel by itself. */
const OTHERS = /* @__PURE__ */ defineVariants<Sizes>()({
  variants: {
    direct: {
      fits: ({ isPacked }) => !isPacked,
      launch: ({ M, N }) => ({
        entryPoint: "direct",
        types: { ...wordTypes("Left", 1), RightWord: "Elem" },
        workgroups: flatWorkgroups(M * N),
      }),
    },
    depthwise: {
      fits: ({ isPacked }) => isPacked,
      launch: ({ M, N4 }) => ({
        entryPoint: "depthwise",
        workgroups: flatWorkgroups(M * N4),
      }),
    },
  },
  best: { cpu: ["direct", "depthwise"], gpu: ["direct", "depthwise"] },
});
