// The scale of each channel of a matrix that is to be int8: its largest magnitude / 127 (torch's per-channel symmetric
// quantisation). Channels of `axis`: -1 the columns, -2 the rows.

import nanSource from "../../shaders/lib/nan.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

/** Which axis of a matrix numbers its channels. */
export interface ChannelScaleParams {
  /** The axis that numbers the channels. */
  readonly axis: -1 | -2;
}

/** Shape of the scales of a [.., rows, cols] tensor; throws where it has none. */
export function scaleShape(op: string, { shape }: Spec, { axis }: ChannelScaleParams): number[] {
  if (shape.length < 2) throw new ShapeError(`[${op}] x has shape ${formatShape(shape)}, expected at least 2 axes`);
  if (axis !== -1 && axis !== -2) throw new ArgumentError(`[${op}] axis is ${axis}, expected -1 or -2`);
  return [...shape.slice(0, -2), shape.at(axis) as number];
}

// Loaded where it is launched: q8 alone stores weights as bytes.
const source: LazySource = () => import("../../shaders/channelScale.wgsl");

export const channelScale = /* @__PURE__ */ defineKernel<ChannelScaleParams>()({
  name: "channelScale",
  wgsl: [...flat, nanSource, source],
  inputs: ["x"],
  params: { count: "u32", channels: "u32", length: "u32", next: "u32", step: "u32" },
  output: ({ x }, params) => {
    expectFloat("channelScale", "x", x);
    return { dtype: "f32", shape: scaleShape("channelScale", x, params) };
  },
  launch: ({ x }, { axis }) => {
    const [rows = 0, cols = 0] = x.shape.slice(-2);
    const batch = sizeOf(x.shape.slice(0, -2));
    const walk =
      axis === -1
        ? { channels: cols, length: rows, next: 1, step: cols }
        : { channels: rows, length: cols, next: cols, step: 1 };
    return {
      params: { count: batch * walk.channels, ...walk },
      types: { Elem: x.dtype },
      workgroups: flatWorkgroups(batch * walk.channels),
    };
  },
});
