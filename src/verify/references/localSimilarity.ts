// Reference and cases of localSimilarity.
import { type LocalSimilarityParams, localSimilarity, NO_NEIGHBOUR } from "../../kernels/localSimilarity.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function localCase(
  [height, width]: readonly [number, number],
  C: number,
  frames: number,
  params: Omit<LocalSimilarityParams, "grid">,
  why?: string,
): KernelCase {
  const grid = [height, width] as const;
  const inputs = { a: [height * width, C], b: [frames, height * width, C] };
  return { inputs, params: { grid, ...params }, ...(why && { why }) };
}

export const localSimilaritySuite = defineSuite<LocalSimilarityParams>({
  kernel: localSimilarity,
  reference: ({ a, b }, { grid: [height, width], reach, first = 0, rows = height - first }) => {
    const [frames = 0, places = 0, C = 0] = (b as HostTensor).shape;
    const [down, across] = [Math.min(reach, height - 1), Math.min(reach, width - 1)];
    const results: number[] = [];
    for (let place = first * width; place < (first + rows) * width; place++) {
      for (let frame = 0; frame < frames; frame++) {
        for (let line = -down; line <= down; line++) {
          for (let d = -across; d <= across; d++) {
            const [row, column] = [Math.floor(place / width) + line, (place % width) + d];
            const isInside = row >= 0 && row < height && column >= 0 && column < width;
            const other = (frame * places + row * width + column) * C;
            let sum = 0;
            for (let c = 0; isInside && c < C; c++) {
              sum += ((a as HostTensor).data[place * C + c] as number) * ((b as HostTensor).data[other + c] as number);
            }
            results.push(isInside ? sum : NO_NEIGHBOUR);
          }
        }
      }
    }
    return results;
  },
  cases: [
    localCase([1, 1], 1, 1, { reach: 0 }),
    localCase([3, 5], 7, 2, { reach: 1 }),
    localCase([5, 3], 16, 1, { reach: 9 }, "everywhere"),
    localCase([9, 11], 33, 3, { reach: 4 }, "one more than 8 neighbours a line"),
    localCase([9, 11], 12, 2, { reach: 3, first: 2, rows: 5 }, "a part of the rows"),
    localCase([4, 40], 24, 2, { reach: 12 }),
    localCase([3, 5], 7, 0, { reach: 1 }, "no frames"),
  ],
  rejects: [
    { ...localCase([3, 5], 7, 2, { reach: 1, first: 2, rows: 2 }), message: "rows within the grid" },
    { ...localCase([3, 5], 7, 2, { reach: -1 }), message: "reach" },
    { inputs: { a: [14, 7], b: [2, 15, 7] }, params: { grid: [3, 5], reach: 1 }, message: "grid and channels of b" },
  ],
  tolerance: { f32: 2e-6, f16: 2e-6 }, // results are f32 whatever the rows are
});
