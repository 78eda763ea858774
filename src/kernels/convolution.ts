// What a convolution is made of, apart from the kernel: its parameters, its windows, and the forms that its weights can
// take. Graph rewrites decide by it.
import type { Shape, Spec } from "../device/tensor.ts";
import type { ProductParams } from "./product.ts";
import { type Pair, pairOf, slide, type Windows } from "./window.ts";

export interface Conv2dParams extends ProductParams {
  /** 1 when absent. */
  readonly stride?: Pair;
  /** Rows and columns of zeros on each side; 0 when absent. */
  readonly padding?: Pair;
  /** 1 when absent. */
  readonly dilation?: Pair;
  /** Parts into which the channels fall; 1 when absent, C for a depthwise convolution. */
  readonly groups?: number;
  /**
   * Shape [O, C / groups, KH, KW] of weights that are packed as [KH * KW * C / groups, O padded to a multiple of 4]: of
   * one group, or depthwise.
   */
  readonly packed?: Shape;
}

interface Factors {
  readonly x: Spec;
  readonly weight: Spec;
}

/** Where the windows lie. */
export function windowsOf({ x, weight }: Factors, params: Conv2dParams): Windows {
  const [, , KH = 0, KW = 0] = params.packed ?? weight.shape;
  const { stride = 1, padding = 0, dilation = 1 } = params;
  return slide("conv2d", x, { kernel: [KH, KW], stride, padding, dilation });
}

/** True for one group a channel, and channels in whole vec4s. */
export function isDepthwise([O = 0, depth = 0]: Shape, groups: number): boolean {
  return groups === O && depth === 1 && O % 4 === 0;
}

/** True for a window of one pixel on every pixel: the convolution is a product. */
export function isPointwise(weight: Spec, { stride = 1, padding = 0, groups = 1, packed }: Conv2dParams): boolean {
  const pairs = [weight.shape.slice(2), pairOf(stride)].flat();
  return !packed && groups === 1 && pairs.every((n) => n === 1) && pairOf(padding).every((n) => n === 0);
}

/** True where weights of this shape are packed: those of one group, and depthwise ones. */
export function isPackable(weight: Spec, { groups = 1, packed }: Conv2dParams): boolean {
  return !packed && (groups === 1 || isDepthwise(weight.shape, groups));
}
