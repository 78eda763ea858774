// Reference and cases of conv2d.
import type { Shape } from "../../device/tensor.ts";
import { activate } from "../../kernels/activation.ts";
import { conv2d } from "../../kernels/conv2d.ts";
import type { Conv2dParams } from "../../kernels/convolution.ts";
import type { Pair } from "../../kernels/window.ts";
import { defineSuite, type HostTensor, int8Weight, type KernelCase } from "../suite.ts";

const pair = (value: Pair): readonly [number, number] => (typeof value === "number" ? [value, value] : value);

function convCase(x: Shape, weight: Shape, params: Conv2dParams = {}, why?: string): KernelCase {
  return { inputs: { x, weight, bias: [weight[0] as number] }, params, ...(why && { why }) };
}

/** The same weights, packed for the tiles. */
function packedCase(x: Shape, packed: Shape, params: Conv2dParams = {}, why?: string): KernelCase {
  const [O = 0, depth = 0, KH = 0, KW = 0] = packed;
  const weight = [KH * KW * depth, Math.ceil(O / 4) * 4];
  return { inputs: { x, weight, bias: [O] }, params: { ...params, packed }, ...(why && { why }) };
}

/** The same weights as int8. */
function int8Case(...given: Parameters<typeof packedCase>): KernelCase {
  const { inputs, ...rest } = packedCase(...given);
  const shape = inputs.weight as Shape;
  return { inputs: { ...inputs, ...int8Weight("weight", shape, shape.slice(1)) }, ...rest, dtypes: ["f32"] };
}

function withResidual({ inputs, ...rest }: KernelCase, residual: Shape, scale?: Shape): KernelCase {
  return { inputs: { ...inputs, residual, ...(scale && { scale }) }, ...rest };
}

export const conv2dSuite = defineSuite<Conv2dParams>({
  kernel: conv2d,
  reference: (
    { x, weight, bias, scale, residual, weightScale },
    { groups = 1, activation = "none", packed, ...window },
  ) => {
    const [B = 0, H = 0, W = 0, C = 0] = (x as HostTensor).shape;
    const [O = 0, depth = 0, KH = 0, KW = 0] = packed ?? (weight as HostTensor).shape;
    const columns = (weight as HostTensor).shape[1] as number;
    const [stride, padding, dilation] = [
      pair(window.stride ?? 1),
      pair(window.padding ?? 0),
      pair(window.dilation ?? 1),
    ];
    const [pixels, weights] = [(x as HostTensor).data, (weight as HostTensor).data];
    // Plain indices, as these loops take most of the tests' time.
    const element = (b: number, oy: number, ox: number, o: number) => {
      const first = Math.floor(o / (O / groups)) * depth;
      const [top, left] = [oy * stride[0] - padding[0], ox * stride[1] - padding[1]];
      const weightStep = packed ? depth * columns : 1;
      let sum = 0;
      for (let c = 0; c < depth; c++) {
        for (let ky = 0; ky < KH; ky++) {
          const row = top + ky * dilation[0];
          const isInside = row >= 0 && row < H;
          const pixel = (b * H + row) * W * C + first + c;
          let at = packed ? (ky * KW * depth + c) * columns + o : ((o * depth + c) * KH + ky) * KW;
          for (let kx = 0; kx < KW; kx++, at += weightStep) {
            const col = left + kx * dilation[1];
            const value = isInside && col >= 0 && col < W ? (pixels[pixel + col * C] as number) : 0;
            sum += value * (weights[at] as number);
          }
        }
      }
      const y = activate(activation, sum * (weightScale?.data[o] ?? 1) + (bias?.data[o] ?? 0));
      return y * (scale?.data[o] ?? 1);
    };
    const OH = Math.floor((H + 2 * padding[0] - dilation[0] * (KH - 1) - 1) / stride[0]) + 1;
    const OW = Math.floor((W + 2 * padding[1] - dilation[1] * (KW - 1) - 1) / stride[1]) + 1;
    return Float64Array.from({ length: B * OH * OW * O }, (_, i) => {
      const place = Math.floor(i / O);
      const y = element(Math.floor(place / OW / OH), Math.floor(place / OW) % OH, place % OW, i % O);
      return activate(window.outputActivation ?? "none", y + (residual?.data[i % residual.data.length] ?? 0));
    });
  },
  cases: [
    convCase([1, 1, 1, 1], [1, 1, 1, 1]),
    { inputs: { x: [1, 5, 7, 3], weight: [4, 3, 3, 3] }, params: {}, why: "no bias" },
    convCase([2, 9, 6, 5], [7, 5, 3, 3], { padding: 1, activation: "relu" }),
    convCase([1, 20, 21, 3], [16, 3, 7, 7], { stride: 2, padding: 3 }, "a ResNet's stem"),
    convCase([1, 14, 14, 32], [64, 32, 1, 1], { stride: 2 }, "a shortcut"),
    convCase([2, 8, 11, 6], [6, 1, 3, 3], { padding: 1, groups: 6 }, "depthwise"),
    convCase([1, 8, 8, 6], [9, 2, 3, 2], { groups: 3, stride: [2, 1], padding: [1, 0] }),
    convCase([1, 12, 13, 4], [5, 4, 3, 2], { dilation: [2, 3], padding: [2, 1] }),
    convCase([1, 2, 3, 2], [3, 2, 5, 5], { padding: 2, activation: "gelu" }, "window larger than x"),
    convCase([1, 28, 28, 64], [64, 64, 3, 3], { padding: 1 }, "large"),
    convCase([0, 8, 8, 3], [4, 3, 3, 3]),
    withResidual(
      convCase([1, 5, 6, 4], [4, 1, 3, 3], { padding: 1, groups: 4, outputActivation: "relu" }),
      [1, 5, 6, 4],
    ),
    packedCase([1, 1, 1, 1], [1, 1, 1, 1]),
    packedCase([2, 9, 6, 5], [7, 5, 3, 3], { padding: 1, activation: "relu" }),
    withResidual(
      packedCase([2, 7, 6, 5], [9, 5, 3, 3], { padding: 1, activation: "gelu", outputActivation: "relu" }),
      [2, 7, 6, 9],
    ),
    withResidual(packedCase([2, 7, 6, 4], [8, 4, 3, 3], { padding: 1, activation: "gelu" }), [7, 6, 8], [8]),
    withResidual(packedCase([1, 3, 2, 4], [8, 4, 3, 3], { padding: 1 }, "few rows"), [1, 3, 2, 8]),
    packedCase([1, 20, 21, 3], [16, 3, 7, 7], { stride: 2, padding: 3 }, "a ResNet's stem"),
    packedCase([1, 21, 18, 6], [10, 6, 5, 3], { stride: [4, 1], padding: [2, 0] }),
    packedCase([1, 14, 15, 32], [64, 32, 1, 1], { stride: 2 }, "a shortcut"),
    packedCase([1, 12, 13, 4], [5, 4, 3, 2], { dilation: [2, 3], padding: [2, 1] }),
    packedCase([1, 11, 9, 8], [12, 8, 3, 3], { dilation: 2, padding: 2 }),
    packedCase([1, 2, 3, 2], [3, 2, 5, 5], { padding: 2, activation: "gelu" }, "window larger than x"),
    packedCase([1, 28, 28, 64], [64, 64, 3, 3], { padding: 1 }, "large"),
    packedCase([1, 7, 7, 512], [68, 512, 3, 3], { padding: 1 }, "a long sum of few windows"),
    packedCase([1, 3, 3, 2048], [4, 2048, 3, 3], { padding: 1 }),
    packedCase([0, 8, 8, 3], [4, 3, 3, 3]),
    packedCase([2, 8, 11, 8], [8, 1, 3, 3], { padding: 1, groups: 8, activation: "gelu" }, "depthwise"),
    packedCase([1, 9, 6, 4], [4, 1, 3, 5], { padding: [1, 2], stride: 2, groups: 4 }, "depthwise"),
    withResidual(packedCase([1, 4, 3, 12], [12, 1, 3, 3], { padding: 1, groups: 12 }, "depthwise"), [1, 4, 3, 12]),
    withResidual(
      int8Case([2, 7, 6, 5], [9, 5, 3, 3], { padding: 1, activation: "gelu", outputActivation: "relu" }),
      [2, 7, 6, 9],
    ),
    int8Case([1, 20, 21, 3], [16, 3, 7, 7], { stride: 2, padding: 3, activation: "relu" }, "a ResNet's stem"),
    int8Case([1, 12, 13, 4], [5, 4, 3, 2], { dilation: [2, 3], padding: [2, 1] }),
    int8Case([1, 7, 7, 512], [68, 512, 3, 3], { padding: 1 }, "a long sum of few windows"),
    int8Case([2, 8, 11, 8], [8, 1, 3, 3], { padding: 1, groups: 8, activation: "gelu" }, "depthwise"),
    {
      inputs: { x: { shape: [1, 1, 4, 1], data: [1, Number.NaN, 1, -Infinity] }, weight: [3, 4] },
      params: { packed: [2, 1, 1, 3], padding: [0, 1], activation: "relu" },
      why: "NaN and infinity stay where they are",
    },
    {
      inputs: { x: { shape: [1, 1, 3, 1], data: [1, Number.NaN, -Infinity] }, weight: [2, 1, 1, 1] },
      params: { activation: "relu" },
      why: "NaN and infinity stay",
    },
  ],
  rejects: [
    { inputs: { x: [8, 8, 3], weight: [4, 3, 3, 3] }, message: "expected [B, H, W, C]" },
    { inputs: { x: [1, 8, 8, 3], weight: [4, 4, 3, 3] }, message: "expected [O, 3, KH, KW]" },
    { inputs: { x: [1, 8, 8, 3], weight: [4, 3, 9, 3] }, message: "a window of 9 does not fit" },
    { inputs: { x: [1, 8, 8, 3], weight: [4, 3, 3, 3] }, params: { groups: 2 }, message: "groups is 2" },
    { inputs: { x: [1, 8, 8, 3], weight: [4, 3, 3, 3] }, params: { stride: 0 }, message: "stride is [0, 0]" },
    { inputs: { x: [1, 8, 8, 3], weight: [4, 3, 3, 3], bias: [3] }, message: "bias has shape [3], expected [4]" },
    { ...packedCase([1, 8, 8, 4], [4, 2, 3, 3], { groups: 2 }), message: "packed weights have one group" },
    {
      inputs: { x: [1, 8, 8, 3], weight: [26, 4] },
      params: { packed: [4, 3, 3, 3] },
      message: "weight has shape [26, 4], expected [27, 4]",
    },
    {
      inputs: { x: [1, 8, 8, 3], ...int8Weight("weight", [4, 3, 3, 3], [4]) },
      message: "weight of i8 must be packed",
    },
    {
      inputs: { x: [1, 8, 8, 3], weight: { shape: [27, 4], dtype: "i8" } },
      params: { packed: [4, 3, 3, 3] },
      message: "weight of i8 needs weightScale",
    },
    {
      ...withResidual(convCase([1, 8, 8, 3], [4, 3, 3, 3]), [1, 8, 8, 4]),
      message: "residual [1, 8, 8, 4] does not repeat into [36, 4]",
    },
  ],
  tolerance: { f32: 5e-6, f16: 2e-3 },
});
