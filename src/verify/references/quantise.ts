// Reference and cases of quantise. Adapters divide to within a few units in the last place, so elements are made in the
// middle of a level, and ties have units that are powers of 2, by which every adapter divides exactly.

import { random } from "../../device/random.ts";
import { type Shape, sizeOf } from "../../device/tensor.ts";
import type { ChannelScaleParams } from "../../kernels/channelScale.ts";
import { quantise } from "../../kernels/quantise.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

/** The channel that an element of [.., rows, cols] belongs to. */
function channelOf(i: number, shape: Shape, axis: -1 | -2): number {
  const [rows = 0, cols = 0] = shape.slice(-2);
  const row = Math.floor(i / cols);
  return axis === -1 ? Math.floor(row / rows) * cols + (i % cols) : row;
}

function quantiseCase(shape: Shape, axis: -1 | -2, why?: string): KernelCase {
  const next = random(shape.length);
  const channels = [...shape.slice(0, -2), shape.at(axis) as number];
  const units = Array.from({ length: sizeOf(channels) }, () => 2 ** -6 * (1 + next()));
  const levels = () => Math.floor(next() * 254) - 127 + (next() - 0.5) * 0.6;
  const data = Array.from({ length: sizeOf(shape) }, (_, i) => levels() * (units[channelOf(i, shape, axis)] as number));
  return {
    inputs: { x: { shape, data }, scale: { shape: channels, dtype: "f32", data: units } },
    params: { axis },
    ...(why && { why }),
  };
}

/** To the nearest whole number, ties to even. */
function roundEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

const TIES = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 0.25, 127, 128, -200];
const ties = (step: number): KernelCase => ({
  inputs: {
    x: { shape: [TIES.length, 1], data: TIES.map((level) => level * step) },
    scale: { shape: [1], dtype: "f32", data: [step] },
  },
  params: { axis: -1 },
  why: "ties to even, and what is beyond the levels",
});

export const quantiseSuite = defineSuite<ChannelScaleParams>({
  kernel: quantise,
  reference: ({ x, scale }, { axis }) => {
    const { shape, data } = x as HostTensor;
    return Float64Array.from(data, (value, i) => {
      const step = scale?.data[channelOf(i, shape, axis)] as number;
      return step > 0 ? roundEven(Math.max(-127, Math.min(127, value / step))) : 0;
    });
  },
  cases: [
    quantiseCase([1, 1], -1),
    quantiseCase([7, 5], -1, "rows across words"),
    quantiseCase([7, 5], -2, "rows across words"),
    quantiseCase([64, 4], -1, "one workgroup"),
    quantiseCase([65, 4], -2, "one word more"),
    quantiseCase([3, 10, 12], -1),
    quantiseCase([3, 5, 7], -2),
    quantiseCase([300, 256], -1, "large"),
    ties(1),
    ties(0.125),
    {
      inputs: { x: { shape: [2, 2], data: [0, 1, 0, -2] }, scale: { shape: [2], dtype: "f32", data: [0, 0.5] } },
      params: { axis: -1 },
      why: "a channel of zeros",
    },
    { inputs: { x: [0, 4], scale: { shape: [4], dtype: "f32" } }, params: { axis: -1 } },
  ],
  rejects: [
    { inputs: { x: [4, 8], scale: [4] }, params: { axis: -1 }, message: "scale has shape [4], expected [8]" },
    { inputs: { x: [4], scale: [4] }, params: { axis: -1 }, message: "expected at least 2 axes" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
