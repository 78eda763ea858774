// Reference and cases of normalizeImage.
import type { Shape } from "../../device/tensor.ts";
import { type NormalizeImageParams, normalizeImage } from "../../kernels/normalizeImage.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const CLIP = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;
const SAM = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], scale: 1 } as const;

function normalizeImageCase(shape: Shape, params: NormalizeImageParams, why?: string): KernelCase {
  const dtype = params.dtype ?? "f32";
  return { inputs: { image: { shape, dtype: "u32", high: 2 ** 32 } }, params, dtypes: [dtype], ...(why && { why }) };
}

export const normalizeImageSuite = defineSuite<NormalizeImageParams>({
  kernel: normalizeImage,
  reference: ({ image }, { top = 0, left = 0, scale = 1 / 255, mean, std, fill = [0, 0, 0], kept, ...window }) => {
    const { shape, data } = image as HostTensor;
    const [H = 0, W = 0] = shape.slice(-2);
    const { height = H, width = W } = window;
    const pictures = shape.length === 3 ? (shape[0] as number) : 1;
    return Float64Array.from({ length: pictures * height * width * 3 }, (_, index) => {
      const channel = index % 3;
      const place = Math.floor(index / 3) % width;
      const col = place + left;
      const line = Math.floor(index / 3 / width);
      const row = (line % height) + top;
      if (kept && (line % height >= kept[0] || place >= kept[1])) return 0;
      const isInside = row >= 0 && row < H && col >= 0 && col < W;
      const pixel = isInside ? (data[(Math.floor(line / height) * H + row) * W + col] as number) : 0;
      const byte = isInside ? Math.floor(pixel / 256 ** channel) % 256 : (fill[channel] as number);
      return (byte * scale - (mean[channel] as number)) / (std[channel] as number);
    });
  },
  cases: [
    normalizeImageCase([1, 1], CLIP),
    normalizeImageCase([7, 5], { ...CLIP, scale: 1 / 127.5 }),
    normalizeImageCase([8, 8], CLIP, "one workgroup"),
    normalizeImageCase([5, 13], CLIP, "one pixel more"),
    normalizeImageCase([64, 85], { ...CLIP, top: 0, left: 10, height: 64, width: 64 }, "centre crop"),
    normalizeImageCase([9, 6], { ...CLIP, top: -3, left: -5, height: 16, width: 17 }, "crop larger than the picture"),
    normalizeImageCase([37, 64], { ...SAM, height: 64, width: 64, kept: [37, 64] }, "padding right and below"),
    normalizeImageCase(
      [9, 30],
      { ...CLIP, top: -3, left: 4, height: 24, width: 25, kept: [15, 20], fill: [124, 116, 104] },
      "a crop with a border of a colour, then padding",
    ),
    normalizeImageCase([3, 20, 31], { ...CLIP, top: 2, left: 3, height: 16, width: 27 }, "batch"),
    normalizeImageCase([3, 20, 31], { ...CLIP, top: 2, left: 3, height: 16, width: 27, dtype: "f16" }),
    normalizeImageCase([224, 224], { ...CLIP, dtype: "f16" }),
    normalizeImageCase([480, 640], SAM),
    normalizeImageCase([0, 5], CLIP),
  ],
  rejects: [
    { inputs: { image: [4, 4, 3] }, params: CLIP, message: "image is f32 [4, 4, 3], expected u32" },
    { inputs: { image: { shape: [4], dtype: "u32" } }, params: CLIP, message: "image is u32 [4]" },
    { inputs: { image: { shape: [4, 4], dtype: "u32" } }, params: { ...CLIP, top: 0.5 }, message: "at 0.5, 0" },
    { inputs: { image: { shape: [4, 4], dtype: "u32" } }, params: { ...CLIP, std: [1, 0, 1] }, message: "std is" },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
