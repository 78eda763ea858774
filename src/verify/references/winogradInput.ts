// Reference and cases of winogradInput.
import { type WinogradInputParams, winogradInput } from "../../kernels/winogradInput.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

/** Bᵀ of F(2x2, 3x3). */
const B_T = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
] as const;

export const winogradInputSuite = defineSuite<WinogradInputParams>({
  kernel: winogradInput,
  reference: ({ x }, { padding = 0 }) => {
    const { data, shape } = x as HostTensor;
    const [B = 0, H = 0, W = 0, C = 0] = shape;
    const [top, left] = typeof padding === "number" ? [padding, padding] : padding;
    const [TH, TW] = [Math.ceil((H + 2 * top - 2) / 2), Math.ceil((W + 2 * left - 2) / 2)];
    const tiles = B * TH * TW;
    const at = (b: number, row: number, col: number, c: number) =>
      row < 0 || row >= H || col < 0 || col >= W ? 0 : (data[((b * H + row) * W + col) * C + c] as number);
    return Float64Array.from({ length: 16 * tiles * C }, (_, index) => {
      const [c, tile] = [index % C, Math.floor(index / C) % tiles];
      const element = Math.floor(index / C / tiles);
      const [i, j] = [element >> 2, element & 3];
      const [ty, tx, b] = [Math.floor(tile / TW) % TH, tile % TW, Math.floor(tile / TW / TH)];
      let sum = 0;
      for (let row = 0; row < 4; row++) {
        for (let col = 0; col < 4; col++) {
          const d = at(b, 2 * ty + row - top, 2 * tx + col - left, c);
          sum += (B_T[i]?.[row] as number) * d * (B_T[j]?.[col] as number);
        }
      }
      return sum;
    });
  },
  cases: [
    { inputs: { x: [1, 3, 3, 4] }, why: "one window" },
    { inputs: { x: [1, 1, 1, 4] }, params: { padding: 1 }, why: "one place" },
    { inputs: { x: [2, 7, 6, 12] }, params: { padding: 1 } },
    { inputs: { x: [1, 8, 5, 8] } },
    { inputs: { x: [2, 4, 9, 4] }, params: { padding: [0, 2] } },
    { inputs: { x: [1, 28, 28, 64] }, params: { padding: 1 }, why: "large" },
    { inputs: { x: [0, 8, 8, 4] }, params: { padding: 1 } },
  ],
  rejects: [
    { inputs: { x: [1, 8, 8, 6] }, message: "expected a multiple of 4 channels" },
    { inputs: { x: [1, 2, 8, 4] }, message: "a window of 3 does not fit" },
    { inputs: { x: [8, 8, 4] }, message: "expected [B, H, W, C]" },
  ],
  tolerance: { f32: 1e-6, f16: 2e-3 },
});
