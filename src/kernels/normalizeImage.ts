// From a picture's bytes to what a vision model takes: a window of it, rescaled and normalised by colour, channels last
// (transformers' center_crop, rescale and normalize; SAM's normalisation and padding).
import source from "../../shaders/normalizeImage.wgsl";
import { ArgumentError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectPicture, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

/** Red, green, blue. */
export type Rgb = readonly [number, number, number];

export interface NormalizeImageParams {
  /** The window's corner in the picture, in pixels; negative where the window begins before it. 0 when absent. */
  readonly top?: number;
  /** See `top`. */
  readonly left?: number;
  /** The window's size in pixels; the picture's when absent. */
  readonly height?: number;
  /** See `height`. */
  readonly width?: number;
  /** Factor from bytes to numbers; 1/255 when absent. */
  readonly scale?: number;
  /** Subtracted after scaling. */
  readonly mean: Rgb;
  /** Divides after that. */
  readonly std: Rgb;
  /** The colour, in bytes, of what lies beyond the picture in the window; black when absent. */
  readonly fill?: Rgb;
  /** [height, width] of the result that hold the window: what comes after is 0 (SAM). All of it when absent. */
  readonly kept?: readonly [height: number, width: number];
  /** Type of the result; f32 when absent. */
  readonly dtype?: "f32" | "f16";
}

/** Pictures, rows and columns of [H, W] or [B, H, W], and the window. */
function sizes({ shape }: Spec, params: NormalizeImageParams) {
  const [H = 0, W = 0] = shape.slice(-2);
  const { height = H, width = W } = params;
  return { batch: shape.length === 3 ? (shape[0] as number) : 1, H, W, height, width };
}

export const normalizeImage = /* @__PURE__ */ defineKernel<NormalizeImageParams>()({
  name: "normalizeImage",
  wgsl: [...flat, source],
  inputs: ["image"],
  params: {
    count: "u32",
    H: "u32",
    W: "u32",
    height: "u32",
    width: "u32",
    top: "i32",
    left: "i32",
    rows: "u32",
    columns: "u32",
    fill: "u32",
    factorR: "f32",
    factorG: "f32",
    factorB: "f32",
    offsetR: "f32",
    offsetG: "f32",
    offsetB: "f32",
  },
  output: ({ image }, params) => {
    expectPicture("normalizeImage", image);
    const { batch, height, width } = sizes(image, params);
    const { top = 0, left = 0 } = params;
    if (![top, left, height, width].every(Number.isInteger) || height < 0 || width < 0) {
      throw new ArgumentError(
        `[normalizeImage] the window is ${height} x ${width} at ${top}, ${left}, expected whole numbers`,
      );
    }
    if (params.std.some((value) => !(value > 0))) {
      throw new ArgumentError(`[normalizeImage] std is ${formatShape(params.std)}, expected positive numbers`);
    }
    return { dtype: params.dtype ?? "f32", shape: [batch, height, width, 3] };
  },
  launch: ({ image }, params) => {
    const { batch, ...size } = sizes(image, params);
    const { top = 0, left = 0, scale = 1 / 255, mean, std, fill = [0, 0, 0], dtype = "f32" } = params;
    const [rows, columns] = params.kept ?? [size.height, size.width];
    const count = batch * size.height * size.width;
    return {
      params: {
        ...size,
        count,
        top,
        left,
        rows,
        columns,
        fill: fill[0] + fill[1] * 256 + fill[2] * 65536,
        factorR: scale / std[0],
        factorG: scale / std[1],
        factorB: scale / std[2],
        offsetR: -mean[0] / std[0],
        offsetG: -mean[1] / std[1],
        offsetB: -mean[2] / std[2],
      },
      types: { Elem: dtype },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ image }, params) => {
    const { batch, height, width } = sizes(image, params);
    return 2 * sizeOf([batch, height, width, 3]);
  },
});
