// Reference and cases of resize, in whole numbers. That the coefficients are Pillow's is tested with its own pictures.
import { type ResizeFilter, type ResizeParams, resize, resizeCoefficients } from "../../kernels/resize.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

interface ResizeCase extends Pick<ResizeParams, "axis" | "rows"> {
  readonly shape: readonly number[];
  readonly size: number;
  readonly filter: ResizeFilter;
}

function resizeCase({ shape, size, filter, axis, rows }: ResizeCase): KernelCase {
  const length = shape.at(axis === "horizontal" ? -1 : -2) as number;
  const { starts, weights, taps } = resizeCoefficients(length, size, filter);
  return {
    inputs: {
      image: { shape, dtype: "u32", high: 2 ** 32 },
      starts: { shape: [size], dtype: "i32", data: starts },
      weights: { shape: [size, taps], dtype: "i32", data: weights },
    },
    params: { axis, rows },
    why: rows ? `${filter}, rows ${rows.join(" to ")}` : filter,
    dtypes: ["f32"],
  };
}

/** Makes a case from two axes, so that the list below is one line each. */
const along = (axis: ResizeParams["axis"], shape: readonly number[], size: number, filter: ResizeFilter) =>
  resizeCase({ axis, shape, size, filter });

const TABLES = {
  starts: { shape: [2], dtype: "i32" },
  weights: { shape: [2, 3], dtype: "i32" },
} as const;

export const resizeSuite = defineSuite<ResizeParams>({
  kernel: resize,
  reference: ({ image, starts, weights }, { axis, rows }) => {
    const { shape, data } = image as HostTensor;
    const [size = 0, taps = 0] = (weights as HostTensor).shape;
    const at = axis === "horizontal" ? shape.length - 1 : shape.length - 2;
    const length = shape[at] as number;
    const inner = axis === "horizontal" ? 1 : (shape.at(-1) as number);
    const all = length * inner === 0 ? 0 : data.length / (length * inner);
    const [begin, end] = rows ?? [0, all];
    const outer = end - begin;
    return Float64Array.from({ length: outer * size * inner }, (_, index) => {
      const i = Math.floor(index / inner) % size;
      const first = (begin + Math.floor(index / inner / size)) * length + (starts?.data[i] as number);
      let pixel = 0;
      for (let channel = 0; channel < 4; channel++) {
        let sum = 2 ** 21;
        for (let t = 0; t < taps; t++) {
          const bytes = data[(first + t) * inner + (index % inner)] as number;
          sum += (Math.floor(bytes / 256 ** channel) % 256) * (weights?.data[i * taps + t] as number);
        }
        pixel += Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22))) * 256 ** channel;
      }
      return pixel;
    });
  },
  cases: [
    along("horizontal", [1, 1], 1, "bicubic"),
    along("horizontal", [1, 1], 7, "lanczos"),
    along("vertical", [5, 3], 1, "bilinear"),
    along("horizontal", [37, 53], 224, "bicubic"),
    along("vertical", [37, 53], 11, "bicubic"),
    along("horizontal", [8, 64], 8, "bilinear"),
    along("vertical", [65, 9], 64, "lanczos"),
    along("vertical", [2, 33, 5], 12, "lanczos"),
    along("horizontal", [2, 3, 50], 20, "hamming"),
    along("vertical", [9, 13], 20, "box"),
    along("horizontal", [9, 13], 5, "nearest"),
    along("horizontal", [5, 40], 31, "nearest-exact"),
    along("horizontal", [48, 640], 224, "bicubic"),
    along("horizontal", [0, 8], 4, "bilinear"),
    resizeCase({ axis: "horizontal", shape: [37, 53], size: 20, filter: "bicubic", rows: [5, 31] }),
    resizeCase({ axis: "horizontal", shape: [3, 5], size: 9, filter: "lanczos", rows: [2, 3] }),
  ],
  rejects: [
    { inputs: { image: [4, 4], ...TABLES }, params: { axis: "vertical" }, message: "image is f32 [4, 4]" },
    {
      inputs: { image: { shape: [4, 2], dtype: "u32" }, ...TABLES },
      params: { axis: "horizontal" },
      message: "3 taps for 2 pixels",
    },
    {
      inputs: { image: { shape: [4, 4], dtype: "u32" }, ...TABLES, starts: { shape: [3], dtype: "i32" } },
      params: { axis: "vertical" },
      message: "starts has shape [3], expected [2]",
    },
    {
      inputs: { image: { shape: [4, 4], dtype: "u32" }, ...TABLES },
      params: { axis: "horizontal", rows: [1, 5] },
      message: "rows are [1, 5] of [4, 4], horizontal",
    },
    {
      inputs: { image: { shape: [4, 4], dtype: "u32" }, ...TABLES },
      params: { axis: "vertical", rows: [0, 2] },
      message: "rows are [0, 2] of [4, 4], vertical",
    },
  ],
  tolerance: { f32: 0, f16: 0 },
});
