// Reference and cases of interpolate: the taps and weights of each axis as PyTorch's own loops make them
// (aten/src/ATen/native/UpSample.h, cpu/UpSampleKernel.cpp), then two sums.
import type { Shape } from "../../device/tensor.ts";
import { type InterpolateParams, interpolate } from "../../kernels/interpolate.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

type Tap = readonly [place: number, weight: number];

/** Cubic convolution within one step of the centre, and between one and two. */
const near = (d: number, a: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
const far = (d: number, a: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;

function cubicFilter(distance: number): number {
  const d = Math.abs(distance);
  if (d < 1) return near(d, -0.5);
  return d < 2 ? far(d, -0.5) : 0;
}

const linearFilter = (distance: number) => Math.max(0, 1 - Math.abs(distance));

function antialiasTaps(place: number, scale: number, size: number, isCubic: boolean): Tap[] {
  const support = (isCubic ? 2 : 1) * Math.max(scale, 1);
  const center = scale * (place + 0.5);
  const first = Math.max(Math.trunc(center - support + 0.5), 0);
  const end = Math.min(Math.trunc(center + support + 0.5), size);
  const filter = isCubic ? cubicFilter : linearFilter;
  const taps = Array.from({ length: end - first }, (_, j): Tap => {
    return [first + j, filter((j + first - center + 0.5) / Math.max(scale, 1))];
  });
  const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
  return taps.map(([at, weight]) => [at, weight / total]);
}

function plainTaps(place: number, scale: number, size: number, isCubic: boolean): Tap[] {
  const at = scale * (place + 0.5) - 0.5;
  if (!isCubic) {
    const real = Math.max(at, 0);
    const first = Math.min(Math.floor(real), size - 1);
    return [
      [first, 1 - (real - first)],
      [Math.min(first + 1, size - 1), real - first],
    ];
  }
  const t = at - Math.floor(at);
  const weights = [far(t + 1, -0.75), near(t, -0.75), near(1 - t, -0.75), far(2 - t, -0.75)];
  return weights.map((weight, j) => [Math.min(Math.max(Math.floor(at) - 1 + j, 0), size - 1), weight]);
}

function interpolateCase(x: Shape, params: InterpolateParams, why?: string): KernelCase {
  return { inputs: { x }, params, ...(why && { why }) };
}

const MODES = ["bilinear", "bicubic"] as const;

export const interpolateSuite = defineSuite<InterpolateParams>({
  kernel: interpolate,
  reference: ({ x }, { mode, size, scaleFactor, antialias, grid, window }) => {
    const { shape, data } = x as HostTensor;
    const [height = 0, width = 0] = grid ?? shape.slice(-3, -1);
    const cols = shape.at(-1) as number;
    const taps = (from: number, to?: number, factor = 1) =>
      Array.from({ length: to ?? Math.floor(from * factor) }, (_, place) => {
        const scale = to === undefined ? 1 / factor : from / to;
        return (antialias ? antialiasTaps : plainTaps)(place, scale, from, mode === "bicubic");
      });
    /** Of the window; a place beyond the result has no taps. */
    const kept = (all: Tap[][], first = 0, count = all.length) =>
      Array.from({ length: count }, (_, i) => all[first + i] ?? []);
    const rows = kept(taps(height, size?.[0], scaleFactor?.[0]), window?.top, window?.height);
    const columns = kept(taps(width, size?.[1], scaleFactor?.[1]), window?.left, window?.width);
    const out: number[] = [];
    for (let start = 0; start < data.length; start += height * width * cols) {
      for (const row of rows) {
        for (const column of columns) {
          for (let c = 0; c < cols; c++) {
            let sum = 0;
            for (const [j, v] of row) {
              for (const [k, w] of column) sum += v * w * (data[start + (j * width + k) * cols + c] as number);
            }
            out.push(sum);
          }
        }
      }
    }
    return Float64Array.from(out);
  },
  cases: [
    ...MODES.flatMap((mode) => [
      interpolateCase([1, 1, 1], { mode, size: [3, 2] }),
      interpolateCase([2, 5, 7, 8], { mode, size: [9, 4] }),
      interpolateCase([2, 5, 7, 3], { mode, size: [4, 9] }, "odd columns"),
      interpolateCase([5, 7, 4], { mode, size: [5, 7] }, "the same size"),
      interpolateCase([5, 7, 4], { mode, size: [9, 4], antialias: true }),
      interpolateCase([16, 16, 5], { mode, size: [3, 7], antialias: true }, "odd columns"),
      interpolateCase([64, 48, 1], { mode, size: [1, 1], antialias: true }, "to one place"),
      interpolateCase([1, 49, 16], { mode, grid: [7, 7], size: [5, 8] }, "position embedding"),
      interpolateCase(
        [20, 31, 3],
        { mode, size: [12, 17], antialias: true, window: { top: 2, left: -3, height: 8, width: 23 } },
        "a window that is lower and wider",
      ),
    ]),
    interpolateCase([196, 64], { mode: "bicubic", grid: [14, 14], scaleFactor: [20.1 / 14, 30.1 / 14] }, "DINO"),
    interpolateCase([196, 8], { mode: "bicubic", grid: [14, 14], scaleFactor: [7.1 / 14, 30.1 / 14], antialias: true }),
    interpolateCase([1, 64, 64, 1], { mode: "bilinear", size: [256, 256] }, "mask"),
    interpolateCase([196, 384], { mode: "bicubic", grid: [14, 14], size: [30, 30] }, "large"),
    interpolateCase([0, 4, 4, 8], { mode: "bilinear", size: [2, 2] }),
  ],
  rejects: [
    { ...interpolateCase([4, 4, 8], { mode: "bilinear" }), message: "give either size or scaleFactor" },
    { ...interpolateCase([4, 8], { mode: "bilinear", size: [2, 2] }), message: "expected [height, width, C]" },
    {
      ...interpolateCase([17, 8], { mode: "bicubic", grid: [4, 4], size: [2, 2] }),
      message: "does not hold a grid of 4 by 4",
    },
    { ...interpolateCase([4, 4, 8], { mode: "bilinear", size: [0, 2] }), message: "from 4 by 4 to 0 by 2" },
    {
      ...interpolateCase([4, 4, 8], {
        mode: "bilinear",
        size: [2, 2],
        window: { top: 0.5, left: 0, height: 1, width: 1 },
      }),
      message: "the window is 1 x 1 at 0.5, 0",
    },
    {
      inputs: { x: { shape: [4, 4, 1], dtype: "i32" } },
      params: { mode: "bilinear", size: [2, 2] },
      message: "x has dtype i32",
    },
  ],
  tolerance: { f32: 1e-5, f16: 1e-3 },
});
