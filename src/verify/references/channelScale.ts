// Reference and cases of channelScale.
import { sizeOf } from "../../device/tensor.ts";
import { type ChannelScaleParams, channelScale } from "../../kernels/channelScale.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

export const channelScaleSuite = defineSuite<ChannelScaleParams>({
  kernel: channelScale,
  reference: ({ x }, { axis }) => {
    const { shape, data } = x as HostTensor;
    const [rows = 0, cols = 0] = shape.slice(-2);
    const [channels, length] = axis === -1 ? [cols, rows] : [rows, cols];
    return Float64Array.from({ length: sizeOf(shape.slice(0, -2)) * channels }, (_, index) => {
      const [batch, channel] = [Math.floor(index / channels), index % channels];
      const at = (i: number) => batch * rows * cols + (axis === -1 ? i * cols + channel : channel * cols + i);
      const values = Array.from({ length }, (_, i) => Math.abs(data[at(i)] as number));
      return Math.max(0, ...values) / 127; // NaN where one of them is
    });
  },
  cases: [
    { inputs: { x: [1, 1] }, params: { axis: -1 } },
    { inputs: { x: [7, 5] }, params: { axis: -1 } },
    { inputs: { x: [7, 5] }, params: { axis: -2 } },
    { inputs: { x: [64, 64] }, params: { axis: -1 }, why: "one workgroup" },
    { inputs: { x: [65, 3] }, params: { axis: -2 }, why: "one row more" },
    { inputs: { x: [3, 10, 12] }, params: { axis: -1 } },
    { inputs: { x: [3, 10, 12] }, params: { axis: -2 } },
    { inputs: { x: { shape: [2, 2], data: [1, Number.NaN, -254, 2] } }, params: { axis: -1 }, why: "NaN of a column" },
    {
      inputs: { x: { shape: [2, 2], data: [Number.NaN, 1, 2, -Infinity] } },
      params: { axis: -2 },
      why: "NaN of a row",
    },
    { inputs: { x: [300, 1024] }, params: { axis: -1 }, why: "large" },
    { inputs: { x: [0, 4] }, params: { axis: -1 }, why: "nothing to measure: 0" },
    { inputs: { x: [4, 0] }, params: { axis: -1 } },
  ],
  rejects: [
    { inputs: { x: [4] }, params: { axis: -1 }, message: "expected at least 2 axes" },
    { inputs: { x: [4, 4] }, params: { axis: 0 }, message: "axis is 0, expected -1 or -2" },
    { inputs: { x: { shape: [4, 4], dtype: "u32" } }, params: { axis: -1 }, message: "x has dtype u32" },
  ],
  tolerance: { f32: 1e-7, f16: 1e-7 },
});
