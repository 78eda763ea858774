// Reference and cases of pool2d.
import { type Pool2dParams, pool2d } from "../../kernels/pool2d.ts";
import type { Pair } from "../../kernels/window.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const pair = (value: Pair): readonly [number, number] => (typeof value === "number" ? [value, value] : value);

/** Each case as the largest and as the mean value. */
function both(shape: readonly number[], params: Omit<Pool2dParams, "kind">, why?: string): KernelCase[] {
  const kinds = ["max", "average"] as const;
  return kinds.map((kind) => ({ inputs: { x: shape }, params: { kind, ...params }, ...(why && { why }) }));
}

export const pool2dSuite = defineSuite<Pool2dParams>({
  kernel: pool2d,
  reference: ({ x }, { kind, countIncludePad = true, ...window }) => {
    const [B = 0, H = 0, W = 0, C = 0] = (x as HostTensor).shape;
    const [KH, KW] = pair(window.kernel);
    const [strideH, strideW] = pair(window.stride ?? window.kernel);
    const [padH, padW] = pair(window.padding ?? 0);
    const OH = Math.floor((H + 2 * padH - KH) / strideH) + 1;
    const OW = Math.floor((W + 2 * padW - KW) / strideW) + 1;
    return Float64Array.from({ length: B * OH * OW * C }, (_, i) => {
      const place = Math.floor(i / C);
      const [top, left] = [(Math.floor(place / OW) % OH) * strideH - padH, (place % OW) * strideW - padW];
      const values: number[] = [];
      for (let row = Math.max(0, top); row < Math.min(H, top + KH); row++) {
        for (let col = Math.max(0, left); col < Math.min(W, left + KW); col++) {
          values.push(x?.data[((Math.floor(place / OW / OH) * H + row) * W + col) * C + (i % C)] as number);
        }
      }
      if (kind === "max") return Math.max(...values);
      return values.reduce((a, b) => a + b, 0) / (countIncludePad ? KH * KW : values.length);
    });
  },
  cases: [
    ...both([1, 1, 1, 1], { kernel: 1 }),
    ...both([2, 8, 8, 16], { kernel: 2 }),
    ...both([1, 15, 13, 7], { kernel: 3, stride: 2, padding: 1 }, "a ResNet's"),
    ...both([2, 9, 10, 3], { kernel: [3, 2], stride: [1, 2], padding: [1, 0] }),
    ...both([1, 3, 3, 5], { kernel: 4, stride: 1, padding: 2 }, "window larger than x"),
    ...both([1, 112, 112, 64], { kernel: 3, stride: 2, padding: 1 }, "large"),
    ...both([0, 4, 4, 8], { kernel: 2 }),
    {
      inputs: { x: [1, 7, 5, 4] },
      params: { kind: "average", kernel: 3, stride: 2, padding: 1, countIncludePad: false },
    },
    ...(["max", "average"] as const).map((kind) => ({
      inputs: {
        x: { shape: [1, 2, 6, 1], data: [1, NaN, 2, 3, -Infinity, -Infinity, 4, 5, 6, Infinity, -Infinity, -Infinity] },
      },
      params: { kind, kernel: 2 },
      why: "NaN and infinity stay",
    })),
  ],
  rejects: [
    { inputs: { x: [4, 4, 3] }, params: { kind: "max", kernel: 2 }, message: "expected [B, H, W, C]" },
    { inputs: { x: [1, 4, 4, 3] }, params: { kind: "max", kernel: 5 }, message: "a window of 5 does not fit" },
    { inputs: { x: [1, 4, 4, 3] }, params: { kind: "max", kernel: 3, padding: 2 }, message: "half the kernel at most" },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
