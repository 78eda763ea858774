// A matrix as int8, each channel in steps of its own scale, which channelScale makes (torch.quantize_per_channel with
// zero points of 0): what matmul, conv2d and gather read as a weight in a quarter of the memory.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import { expectShape, sizeOf } from "../device/tensor.ts";
import { expectFloat, flatWorkgroups, wordsOf } from "./axes.ts";
import { type ChannelScaleParams, scaleShape } from "./channelScale.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

// Loaded where it is launched: q8 alone stores weights as bytes.
const source: LazySource = () => import("../../shaders/quantise.wgsl");

export const quantise = /* @__PURE__ */ defineKernel<ChannelScaleParams>()({
  name: "quantise",
  wgsl: [invocationSource, source],
  inputs: ["x", "scale"],
  params: { n: "u32", rows: "u32", cols: "u32" },
  output: ({ x, scale }, params) => {
    expectFloat("quantise", "x", x);
    expectShape("quantise", "scale", scale.shape, scaleShape("quantise", x, params), "one a channel");
    return { dtype: "i8", shape: x.shape };
  },
  launch: ({ x }, { axis }) => {
    const [rows = 0, cols = 0] = x.shape.slice(-2);
    return {
      params: { n: sizeOf(x.shape), rows, cols },
      types: { Elem: x.dtype },
      overrides: { BY_ROW: axis === -2 ? 1 : 0 },
      workgroups: flatWorkgroups(wordsOf(x)),
    };
  },
});
