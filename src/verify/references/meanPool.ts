// Reference and cases of meanPool.
import { type MeanPoolParams, meanPool } from "../../kernels/meanPool.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

export const meanPoolSuite = defineSuite<MeanPoolParams>({
  kernel: meanPool,
  reference: ({ x }, { start = 0 }) => {
    const [B = 0, T = 0, C = 0] = (x as HostTensor).shape;
    return Float64Array.from({ length: B * C }, (_, i) => {
      let sum = 0;
      for (let t = start; t < T; t++) sum += x?.data[(Math.floor(i / C) * T + t) * C + (i % C)] as number;
      return sum / (T - start);
    });
  },
  cases: [
    { inputs: { x: [1, 1, 1] } },
    { inputs: { x: [3, 7, 5] } },
    { inputs: { x: [1, 49, 64] }, why: "one workgroup" },
    { inputs: { x: [1, 49, 65] } },
    { inputs: { x: [2, 197, 384] }, params: { start: 1 }, why: "without the class token" },
    { inputs: { x: [1, 1370, 384] }, params: { start: 5 } },
    { inputs: { x: [0, 4, 8] } },
    { inputs: { x: [2, 3, 0] } },
    { inputs: { x: { shape: [1, 2, 3], data: [1, NaN, Infinity, 2, 3, 4] } }, why: "NaN and infinity stay" },
  ],
  rejects: [
    { inputs: { x: [4, 8] }, message: "x has shape [4, 8], expected 3 axes" },
    { inputs: { x: [1, 0, 8] }, message: "start is 0, expected a token of x [1, 0, 8]" },
    { inputs: { x: [1, 4, 8] }, params: { start: 4 }, message: "start is 4" },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
