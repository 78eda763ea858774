// Reference and cases of pixelShuffle.
import { type PixelShuffleParams, pixelShuffle } from "../../kernels/pixelShuffle.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

export const pixelShuffleSuite = defineSuite<PixelShuffleParams>({
  kernel: pixelShuffle,
  reference: ({ x }, { grid: [H, W], levels = 1 }) => {
    const { data, shape } = x as HostTensor;
    const [B = 0, , parts = 0, C = 0] = shape;
    const side = 2 ** levels;
    const y = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) {
      const [c, part, place] = [i % C, Math.floor(i / C) % parts, Math.floor(i / C / parts) % (H * W)];
      const b = Math.floor(i / C / parts / (H * W));
      let [row, col] = [Math.floor(place / W), place % W];
      for (let level = levels - 1; level >= 0; level--) {
        const quarter = Math.floor(part / 4 ** level) % 4;
        [row, col] = [row * 2 + (quarter >> 1), col * 2 + (quarter & 1)];
      }
      y[((b * C + c) * H * side + row) * W * side + col] = data[i] as number;
    }
    return y.subarray(0, B * C * H * W * parts);
  },
  cases: [
    { inputs: { x: [1, 1, 4, 1] }, params: { grid: [1, 1] } },
    { inputs: { x: [2, 15, 4, 3] }, params: { grid: [3, 5] } },
    { inputs: { x: [1, 6, 16, 4] }, params: { grid: [2, 3], levels: 2 } },
    { inputs: { x: [2, 7, 64, 1] }, params: { grid: [7, 1], levels: 3 } },
    { inputs: { x: [1, 6, 1, 5] }, params: { grid: [2, 3], levels: 0 } },
    { inputs: { x: [0, 6, 4, 5] }, params: { grid: [2, 3] } },
  ],
  rejects: [
    { inputs: { x: [1, 6, 4, 2] }, params: { grid: [2, 2] }, message: "expected [1, 4, 4, 2]" },
    { inputs: { x: [1, 4, 4, 2] }, params: { grid: [2, 2], levels: 1.5 }, message: "levels is 1.5" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
