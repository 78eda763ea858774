// Reference and cases of relativePositions.
import { type RelativePositionsParams, relativePositions } from "../../kernels/relativePositions.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

interface Case extends RelativePositionsParams {
  readonly batch?: number;
  readonly D: number;
  /** Columns of q beside its heads. */
  readonly rest?: number;
}

function relativePositionsCase({ batch = 1, D, rest = 0, ...params }: Case): KernelCase {
  const { heads, grid, window } = params;
  const [windowHeight, windowWidth] = window ? [window, window] : grid;
  return {
    inputs: {
      q: [batch, grid[0] * grid[1], heads * D + rest],
      table: [2 * windowHeight - 1 + (2 * windowWidth - 1), D],
    },
    params,
  };
}

export const relativePositionsSuite = defineSuite<RelativePositionsParams>({
  kernel: relativePositions,
  reference: (inputs, { heads, grid, window, qOffset = 0 }) => {
    const [q, table] = [inputs.q, inputs.table] as [HostTensor, HostTensor];
    const [batch, tokens, stride] = q.shape as [number, number, number];
    const D = table.shape[1] as number;
    const [windowHeight, windowWidth] = window ? [window, window] : grid;
    const out: number[] = [];
    const dot = (token: number, head: number, row: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) {
        const a = q.data[token * stride + qOffset + head * D + d] as number;
        sum += a * (table.data[row * D + d] as number);
      }
      return sum;
    };
    for (let token = 0; token < batch * tokens; token++) {
      const y = Math.floor((token % tokens) / grid[1]) % windowHeight;
      const x = (token % grid[1]) % windowWidth;
      for (let head = 0; head < heads; head++) {
        for (let ky = 0; ky < windowHeight; ky++) out.push(dot(token, head, y - ky + windowHeight - 1));
        for (let kx = 0; kx < windowWidth; kx++) {
          out.push(dot(token, head, 2 * windowHeight - 1 + x - kx + windowWidth - 1));
        }
      }
    }
    return out;
  },
  cases: [
    relativePositionsCase({ grid: [1, 1], heads: 1, D: 1 }),
    relativePositionsCase({ grid: [1, 1], window: 3, heads: 2, D: 4 }),
    relativePositionsCase({ grid: [4, 4], heads: 2, D: 16 }),
    relativePositionsCase({ grid: [5, 7], heads: 3, D: 14, batch: 2, rest: 84 }),
    relativePositionsCase({ grid: [9, 6], window: 4, heads: 2, D: 7, batch: 2, rest: 5, qOffset: 3 }),
    relativePositionsCase({ grid: [16, 16], window: 14, heads: 1, D: 64 }),
    relativePositionsCase({ grid: [3, 33], heads: 1, D: 32 }),
    relativePositionsCase({ grid: [2, 2], heads: 1, D: 4, batch: 0 }),
    {
      inputs: {
        q: { shape: [1, 2, 2], data: [1, Number.NaN, 2, 3] },
        table: { shape: [4, 2], data: [1, 2, 3, 4, 5, 6, 7, 8] },
      },
      params: { heads: 1, grid: [1, 2] },
      why: "NaN stays where it is",
    },
  ],
  rejects: [
    { inputs: { q: [1, 5, 8], table: [6, 4] }, params: { heads: 2, grid: [2, 2] }, message: "expected [1, 4, 8]" },
    { inputs: { q: [1, 4, 7], table: [6, 4] }, params: { heads: 2, grid: [2, 2] }, message: "go beyond q" },
    {
      inputs: { q: [1, 4, 8], table: [5, 4] },
      params: { heads: 2, grid: [2, 2] },
      message: "table has shape [5, 4], expected [6, 4]",
    },
  ],
  tolerance: { f32: 2e-5, f16: 2e-3 },
});
