// Reference and cases of maskUpsample.
import { mostOf } from "../../kernels/length.ts";
import { type MaskUpsampleParams, maskUpsample } from "../../kernels/maskUpsample.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

/** One bilinear resize of [h, w] to [H, W], align_corners False. */
function resized(x: Float64Array, [h, w]: readonly number[], [H, W]: readonly number[]): Float64Array {
  const taps = (length = 1, from = 1) =>
    Array.from({ length }, (_, i) => {
      const place = Math.max(((i + 0.5) * from) / length - 0.5, 0);
      const low = Math.min(Math.floor(place), from - 1);
      return { low, high: Math.min(low + 1, from - 1), share: place - low };
    });
  const cols = taps(W, w);
  return Float64Array.from(
    taps(H, h).flatMap((row) =>
      cols.map((col) => {
        const at = (y: number) =>
          (x[y * (w ?? 1) + col.low] as number) * (1 - col.share) + (x[y * (w ?? 1) + col.high] as number) * col.share;
        return at(row.low) * (1 - row.share) + at(row.high) * row.share;
      }),
    ),
  );
}

function cutOf(x: Float64Array, S: number, [h = 0, w = 0]: readonly number[]): Float64Array {
  return Float64Array.from({ length: h * w }, (_, i) => x[Math.floor(i / w) * S + (i % w)] as number);
}

/** Column by column, 32 rows a word. */
function bitsAbove(logits: Float64Array, limit: number, [H, W]: readonly [number, number]): Float64Array {
  const words = Math.ceil(H / 32);
  return Float64Array.from({ length: W * words }, (_, at) => {
    const [col, first] = [Math.floor(at / words), (at % words) * 32];
    let word = 0;
    for (let i = 0; i < Math.min(32, H - first); i++) {
      if ((logits[(first + i) * W + col] as number) > limit) word += 2 ** i;
    }
    return word;
  });
}

function reference(
  { x, ids }: Record<string, HostTensor>,
  { square, cut, size, threshold, offset, rows = { count: size[0], first: 0 } }: MaskUpsampleParams,
) {
  const { data, shape } = x as HostTensor;
  const [masks = 0, L = 0] = shape;
  const named = ids ? Array.from(ids.data) : Array.from({ length: masks }, (_, mask) => mask);
  const all = named.map((mask) => {
    const low = data.subarray(mask * L * L, (mask + 1) * L * L);
    const whole = resized(cutOf(resized(low, [L, L], [square, square]), square, cut), cut, size);
    const begin = mostOf(rows.first) * size[1];
    const logits = whole.subarray(begin, begin + rows.count * size[1]);
    if (threshold === undefined) return logits;
    const limits = offset === undefined ? [threshold] : [threshold, threshold + offset, threshold - offset];
    return Float64Array.from(limits.flatMap((limit) => [...bitsAbove(logits, limit, [rows.count, size[1]])]));
  });
  return Float64Array.from(all.flatMap((part) => [...part]));
}

export const maskUpsampleSuite = defineSuite<MaskUpsampleParams>({
  kernel: maskUpsample,
  reference,
  cases: [
    { inputs: { x: [1, 1, 1] }, params: { square: 1, cut: [1, 1], size: [1, 1] } },
    { inputs: { x: [2, 8, 8] }, params: { square: 32, cut: [23, 32], size: [17, 25] } },
    { inputs: { x: [3, 5, 5] }, params: { square: 21, cut: [21, 9], size: [70, 31] } },
    { inputs: { x: [1, 16, 16] }, params: { square: 64, cut: [64, 40], size: [33, 20] } },
    {
      inputs: { x: [4, 8, 8], ids: { dtype: "i32", shape: [3], data: [3, 0, 3] } },
      params: { square: 32, cut: [23, 32], size: [17, 25] },
      why: "some of the masks, by number",
    },
    {
      inputs: { x: [3, 8, 8] },
      params: { square: 32, cut: [23, 32], size: [41, 25], rows: { first: 7, count: 34 } },
      why: "a band of rows, to the last",
    },
  ],
  rejects: [
    {
      inputs: { x: [1, 4, 4] },
      params: { square: 16, cut: [16, 16], size: [4, 4], rows: { first: 2, count: 3 } },
      message: "3 rows from 2 on: the picture has 4",
    },
    {
      inputs: { x: [1, 4, 5] },
      params: { square: 16, cut: [16, 16], size: [4, 4] },
      message: "expected [masks, L, L]",
    },
    { inputs: { x: [1, 4, 4] }, params: { square: 16, cut: [17, 16], size: [4, 4] }, message: "in the square" },
    {
      inputs: { x: [1, 4, 4], ids: [2] },
      params: { square: 16, cut: [16, 16], size: [4, 4] },
      message: "expected i32 [masks]",
    },
  ],
  tolerance: { f32: 5e-6, f16: 2e-3 },
});

/** Logits of [side, side] that are 6 or more from row and column `start` to `end`, and -6 or less around them. */
function block(side: number, start: number, end: number): number[] {
  const isWithin = (place: number) => place >= start && place < end;
  return Array.from({ length: side * side }, (_, at) => {
    const size = 6 + (at % 5) / 4;
    return isWithin(Math.floor(at / side)) && isWithin(at % side) ? size : -size;
  });
}

/** Bits, of which every one counts: the logits are far from the threshold, so that rounding decides none. */
export const maskBitsSuite = defineSuite<MaskUpsampleParams>({
  kernel: maskUpsample,
  reference,
  cases: [
    {
      inputs: { x: { shape: [2, 2, 2], data: [-3, 5, -3, 5, 4, -3, 4, -3] } },
      params: { square: 8, cut: [6, 8], size: [65, 9], threshold: 0.51 },
      why: "bits",
    },
    {
      inputs: { x: { shape: [2, 2, 2], data: [-3, 5, -3, 5, 4, -3, 4, -3] } },
      params: { square: 8, cut: [6, 8], size: [85, 9], threshold: 0.51, rows: { first: 11, count: 65 } },
      why: "bits of a band of rows",
    },
    { inputs: { x: [0, 4, 4] }, params: { square: 16, cut: [16, 16], size: [4, 4], threshold: 0 } },
    {
      inputs: { x: { shape: [1, 3, 3], data: [9, -7, 8, -9, 5, -6, 7, -8, 6] } },
      params: { square: 12, cut: [12, 9], size: [33, 31], threshold: 0.013 },
    },
    {
      inputs: { x: { shape: [2, 3, 3], data: [9, -7, 8, -9, 5, -6, 7, -8, 6, 1, 2, 3, 3, 2, 1, -1, -2, -3] } },
      params: { square: 3, cut: [3, 3], size: [70, 5], threshold: 0.013, offset: 1.71 },
    },
    {
      inputs: {
        x: { shape: [2, 3, 3], data: [9, -7, 8, -9, 5, -6, 7, -8, 6, 1, 2, 3, 3, 2, 1, -1, -2, -3] },
        ids: { dtype: "i32", shape: [1], data: [1] },
      },
      params: { square: 3, cut: [3, 3], size: [70, 5], threshold: 0.013, offset: 1.71 },
    },
    {
      inputs: { x: { shape: [2, 8, 8], data: [...block(8, 2, 7), ...block(8, 0, 5)] } },
      params: { square: 32, cut: [32, 27], size: [157, 37], threshold: 0.013, offset: 1.71 },
      why: "words inside, outside and across the edge of a mask",
    },
    {
      inputs: { x: { shape: [1, 32, 32], data: block(32, 3, 30) } },
      params: { square: 64, cut: [64, 61], size: [13, 11], threshold: 0.013, offset: 1.71 },
      why: "a picture smaller than the logits",
    },
  ],
  tolerance: { f32: 0, f16: 0 },
});
