// Convolution (torch.nn.functional.conv2d), channels last, with everything that follows it in a ResNet: bias (batch
// norm folded in), ReLU, residual and the ReLU after it. Weights are taken as PyTorch stores them, or packed: then it
// is a product whose left operand, the windows, is read in place (implicit GEMM; Chetlur et al. 2014).
import source from "../../shaders/conv2d.wgsl";
import activationSource from "../../shaders/lib/activation.wgsl";
import int8Source from "../../shaders/lib/int8.wgsl";
import lanesSource from "../../shaders/lib/lanes.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS } from "./activation.ts";
import { expectFloat, expectSameDType, FLAT_THREADS } from "./axes.ts";
import { type Conv2dParams, isDepthwise, windowsOf } from "./convolution.ts";
import { expectScale, int8Types } from "./int8.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { rowsPerLane } from "./matmul.ts";
import { defineVariants, variantsOf } from "./variants.ts";

function checkWeight({ x, weight }: Record<"x" | "weight", Spec>, { groups = 1, packed }: Conv2dParams): void {
  const C = x.shape[3] as number;
  const [O = 0, depth = 0, KH = 0, KW = 0] = packed ?? weight.shape;
  if (!Number.isInteger(groups) || groups < 1 || C % groups !== 0 || O % groups !== 0) {
    throw new ArgumentError(`[conv2d] groups is ${groups}, expected a divisor of ${C} and ${O} channels in and out`);
  }
  if (depth !== C / groups) {
    const got = `weight ${formatShape(packed ?? weight.shape)} for x ${formatShape(x.shape)}`;
    throw new ShapeError(`[conv2d] ${got}: expected [O, ${C / groups}, KH, KW] (channels of x by ${groups} groups)`);
  }
  if (!packed) return;
  if (groups !== 1 && !isDepthwise(packed, groups)) {
    throw new ArgumentError(`[conv2d] groups is ${groups}: packed weights have one group, or are depthwise`);
  }
  const columns = Math.ceil(O / 4) * 4;
  expectShape("conv2d", "weight", weight.shape, [KH * KW * depth, columns], `${formatShape(packed)} packed`);
}

export const conv2d = /* @__PURE__ */ defineKernel<Conv2dParams>()({
  name: "conv2d",
  wgsl: [activationSource, nanSource, int8Source, source],
  inputs: ["x", "weight", "bias", "residual", "weightScale"],
  optional: ["bias", "residual", "weightScale"],
  params: {
    rows: "u32",
    H: "u32",
    W: "u32",
    C: "u32",
    OH: "u32",
    OW: "u32",
    O: "u32",
    N4: "u32",
    KH: "u32",
    KW: "u32",
    groups: "u32",
    strideH: "u32",
    strideW: "u32",
    paddingH: "u32",
    paddingW: "u32",
    dilationH: "u32",
    dilationW: "u32",
    run: "u32",
    runs: "u32",
  },
  output: ({ x, weight, bias, residual, weightScale }, params) => {
    expectFloat("conv2d", "x", x);
    if (weight.dtype !== "i8") expectSameDType("conv2d", "weight", weight, "x", x);
    else if (!params.packed) throw new ShapeError("[conv2d] weight of i8 must be packed");
    expectScale("conv2d", "weight", weight, weightScale, weight.shape.slice(1));
    expectRank("conv2d", "weight", params.packed ?? weight.shape, 4);
    const { places } = windowsOf({ x, weight }, params);
    checkWeight({ x, weight }, params);
    const [O = 0] = params.packed ?? weight.shape;
    const shape = [x.shape[0] as number, ...places, O];
    if (bias) expectShape("conv2d", "bias", bias.shape, [O], "first axis of weight");
    if (residual) expectShape("conv2d", "residual", residual.shape, shape, "shape of the result");
    const { splits = 1 } = params;
    return { dtype: x.dtype, shape: splits > 1 ? [splits, ...shape] : shape };
  },
  launch: ({ x, weight, bias, residual }, params) => {
    const { kernel, stride, padding, dilation, places } = windowsOf({ x, weight }, params);
    const [B = 0, H = 0, W = 0, C = 0] = x.shape;
    const [O = 0] = params.packed ?? weight.shape;
    const { groups = 1, activation = "none", outputActivation = "none", splits = 1 } = params;
    const rows = sizeOf([B, ...places]);
    const runs = dilation[1] === 1 ? 1 : kernel[1];
    return {
      params: {
        ...{ rows, H, W, C, O, groups, N4: Math.ceil(O / 4), runs, run: (C * kernel[1]) / runs },
        ...{ OH: places[0], OW: places[1], KH: kernel[0], KW: kernel[1] },
        ...{ strideH: stride[0], strideW: stride[1], paddingH: padding[0], paddingW: padding[1] },
        ...{ dilationH: dilation[0], dilationW: dilation[1] },
      },
      types: { Elem: x.dtype, ...int8Types("Weight", weight) },
      overrides: {
        ACTIVATION: ACTIVATIONS[activation],
        OUTPUT_ACTIVATION: ACTIVATIONS[outputActivation],
        HAS_BIAS: bias ? 1 : 0,
        HAS_RESIDUAL: residual ? 1 : 0,
        SPLITS: splits,
      },
      ...(rows * O === 0 && { workgroups: [0] as const }),
    };
  },
  variants: ({ x, weight }, params) => {
    const { groups = 1, packed, splits = 1 } = params;
    const [B = 0, , , C = 0] = x.shape;
    const [O = 0] = packed ?? weight.shape;
    const rows = sizeOf([B, ...windowsOf({ x, weight }, params).places]);
    const form = !packed ? "direct" : groups > 1 ? "depthwise" : "tiled";
    return variantsOf(TABLE, { rows, O, C, N4: Math.ceil(O / 4), splits, form });
  },
  flops: ({ x, weight }, params) => {
    const { places } = windowsOf({ x, weight }, params);
    return 2 * (x.shape[0] as number) * sizeOf(places) * sizeOf(params.packed ?? weight.shape);
  },
});

interface Sizes {
  /** Windows: B * OH * OW. */
  readonly rows: number;
  readonly O: number;
  readonly C: number;
  readonly N4: number;
  readonly splits: number;
  /** Weights as they are stored, packed for each channel by itself, or packed for all of them. */
  readonly form: "direct" | "depthwise" | "tiled";
}

const registerTile: LazySource = {
  name: "conv2dRegisterTile",
  load: () => import("../../shaders/lib/conv2dRegisterTile.wgsl"),
};

const laneTile: LazySource = {
  name: "conv2dLaneTile",
  load: () => import("../../shaders/lib/conv2dLaneTile.wgsl"),
};

const SCALARS = { XWord: "Elem", X_WIDTH: "1u" };

const TABLE = /* @__PURE__ */ defineVariants<Sizes>()({
  variants: {
    direct: {
      fits: ({ form }) => form === "direct",
      launch: ({ rows, O }) => ({
        entryPoint: "direct",
        types: { ...SCALARS, WeightWord: "Elem" },
        overrides: { WG: FLAT_THREADS },
        workgroups: foldWorkgroups(Math.ceil((rows * O) / FLAT_THREADS)),
      }),
    },
    depthwise: {
      fits: ({ form }) => form === "depthwise",
      launch: ({ rows, N4 }) => ({
        entryPoint: "depthwise",
        overrides: { WG: FLAT_THREADS },
        workgroups: foldWorkgroups(Math.ceil((rows * N4) / FLAT_THREADS)),
      }),
    },
    registerTile: {
      fits: ({ form, splits }) => form === "tiled" && splits === 1,
      launch: ({ rows, N4 }) => ({
        entryPoint: "registerTile",
        lib: [registerTile],
        types: SCALARS,
        overrides: { WG: 8 },
        workgroups: [Math.ceil(N4 / 16), ...foldWorkgroups(Math.ceil(rows / 4))],
      }),
    },
    laneTile: {
      fits: ({ form, splits }, { subgroupSize }) => form === "tiled" && splits === 1 && subgroupSize !== undefined,
      launch: ({ rows, N4 }, { subgroupSize: lanes = 1 }) => {
        const tile = rowsPerLane(rows, 16);
        return {
          entryPoint: "laneTile",
          lib: [lanesSource, laneTile],
          types: { ...SCALARS, ROWS: `${tile}u`, LANES: `${lanes}u` },
          overrides: { WG: lanes },
          workgroups: [Math.ceil(N4 / lanes), ...foldWorkgroups(Math.ceil(rows / tile))],
        };
      },
    },
    sharedTile: {
      fits: ({ form }) => form === "tiled",
      launch: ({ rows, N4, C, splits }) => ({
        entryPoint: "sharedTile",
        types: C % 4 === 0 ? { XWord: "vec4<Elem>", X_WIDTH: "4u" } : SCALARS,
        workgroups: [Math.ceil(N4 / 16), Math.ceil(rows / 64), splits],
      }),
    },
  },
  best: {
    "cpu-lavapipe": ["laneTile", "registerTile", "sharedTile", "direct", "depthwise"],
    cpu: ["registerTile", "sharedTile", "direct", "depthwise"],
    gpu: ["sharedTile", "registerTile", "direct", "depthwise"],
  },
});
