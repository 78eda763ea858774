// Pooling (torch.nn.functional.max_pool2d and avg_pool2d), channels last.
import { ArgumentError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { defineVariants, variantsOf } from "./variants.ts";
import { type Pair, slide, type Windows } from "./window.ts";

export interface Pool2dParams {
  /** What is taken of each window. */
  readonly kind: "max" | "average";
  /** Rows and columns of the window. */
  readonly kernel: Pair;
  /** The kernel when absent. */
  readonly stride?: Pair;
  /** 0 when absent; half the kernel at most. */
  readonly padding?: Pair;
  /** The padding's zeros are part of an average; true when absent. */
  readonly countIncludePad?: boolean;
}

function windows(x: Spec, { kernel, stride = kernel, padding = 0 }: Pool2dParams): Windows {
  return slide("pool2d", x, { kernel, stride, padding, dilation: 1 });
}

const TABLE = /* @__PURE__ */ defineVariants<{ readonly places: number; readonly channels: number }>()({
  variants: {
    elements: { launch: ({ places, channels }) => ({ workgroups: flatWorkgroups(places * channels) }) },
    vectors: {
      fits: ({ channels }) => channels % 4 === 0,
      launch: ({ places, channels }) => ({
        types: { Word: "vec4<Elem>", Value: "vec4<f32>", Bits: "vec4u", Truth: "vec4<bool>", WIDTH: "4u" },
        workgroups: flatWorkgroups((places * channels) / 4),
      }),
    },
  },
  // On CPU adapters neighbours in a subgroup take neighbouring elements.
  best: { cpu: ["elements"], gpu: ["vectors", "elements"] },
});

// Loaded where it is launched: ResNets alone pool.
const source: LazySource = () => import("../../shaders/pool2d.wgsl");

export const pool2d = /* @__PURE__ */ defineKernel<Pool2dParams>()({
  name: "pool2d",
  wgsl: [...flat, source],
  inputs: ["x"],
  params: {
    count: "u32",
    H: "u32",
    W: "u32",
    C: "u32",
    OH: "u32",
    OW: "u32",
    KH: "u32",
    KW: "u32",
    strideH: "u32",
    strideW: "u32",
    paddingH: "u32",
    paddingW: "u32",
    countPadding: "u32",
  },
  output: ({ x }, params) => {
    expectFloat("pool2d", "x", x);
    const { kernel, padding, places } = windows(x, params);
    if (2 * padding[0] > kernel[0] || 2 * padding[1] > kernel[1]) {
      const got = `padding is ${formatShape(padding)}, kernel ${formatShape(kernel)}`;
      throw new ArgumentError(`[pool2d] ${got}: expected half the kernel at most, so that every window meets x`);
    }
    const [B = 0, , , C = 0] = x.shape;
    return { dtype: x.dtype, shape: [B, ...places, C] };
  },
  launch: ({ x }, params) => {
    const { kernel, stride, padding, places } = windows(x, params);
    const [B = 0, H = 0, W = 0, C = 0] = x.shape;
    const count = sizeOf([B, ...places, C]);
    return {
      params: {
        ...{ count, H, W, C, OH: places[0], OW: places[1], KH: kernel[0], KW: kernel[1] },
        ...{ strideH: stride[0], strideW: stride[1], paddingH: padding[0], paddingW: padding[1] },
        countPadding: (params.countIncludePad ?? true) ? 1 : 0,
      },
      types: { Elem: x.dtype },
      overrides: { IS_MAX: params.kind === "max" ? 1 : 0 },
    };
  },
  variants: ({ x }, params) => {
    const [B = 0, , , C = 0] = x.shape;
    return variantsOf(TABLE, { places: B * sizeOf(windows(x, params).places), channels: C });
  },
  flops: ({ x }, params) => {
    const { kernel, places } = windows(x, params);
    return sizeOf([x.shape[0] as number, x.shape[3] as number]) * sizeOf(places) * sizeOf(kernel);
  },
});
