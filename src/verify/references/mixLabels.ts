// Reference and cases of mixLabels.
import { NO_NEIGHBOUR } from "../../kernels/localSimilarity.ts";
import { type MixLabelsParams, mixLabels } from "../../kernels/mixLabels.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

interface Sizes {
  readonly grid: readonly [number, number];
  readonly reach: number;
  readonly frames: number;
  readonly labels: number;
  readonly k: number;
  readonly first?: number;
  readonly rows?: number;
}

/** Similarities by a formula, with those beyond the map, and the largest of each row. */
function mixCase({ grid, reach, frames, labels, k, first = 0, ...more }: Sizes, why?: string): KernelCase {
  const [height, width] = grid;
  const rows = more.rows ?? height * width - first;
  const [down, across] = [Math.min(reach, height - 1), Math.min(reach, width - 1)];
  const similarities: number[] = [];
  const largest: number[] = [];
  for (let place = first; place < first + rows; place++) {
    const ofRow: number[] = [];
    for (let i = 0; i < frames * (2 * down + 1) * (2 * across + 1); i++) {
      const line = (Math.floor(i / (2 * across + 1)) % (2 * down + 1)) - down;
      const d = (i % (2 * across + 1)) - across;
      const [row, column] = [Math.floor(place / width) + line, (place % width) + d];
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      ofRow.push(isInside ? Math.fround(Math.sin(place * 12.9 + i * 78.2)) : NO_NEIGHBOUR);
    }
    similarities.push(...ofRow);
    largest.push(...[...ofRow].sort((a, b) => b - a).slice(0, k));
  }
  return {
    inputs: {
      similarities: { shape: [rows, frames, 2 * down + 1, 2 * across + 1], dtype: "f32", data: similarities },
      largest: { shape: [rows, k], dtype: "f32", data: largest },
      labels: { shape: [frames, height * width, labels], dtype: "f32", low: 0 },
    },
    params: { grid, temperature: 0.1, first } satisfies MixLabelsParams,
    dtypes: ["f32"],
    ...(why && { why }),
  };
}

const SMALL = { grid: [3, 5], reach: 1, frames: 2, labels: 3, k: 2 } as const;
const changed = (test: KernelCase, params: object): KernelCase => ({ ...test, params: { ...test.params, ...params } });

export const mixLabelsSuite = defineSuite<MixLabelsParams>({
  kernel: mixLabels,
  reference: ({ similarities, largest, labels }, { grid: [height, width], temperature, first = 0 }) => {
    const { shape, data } = similarities as HostTensor;
    const [rows = 0, frames = 0, lines = 0, side = 0] = shape;
    const k = (largest as HostTensor).shape[1] as number;
    const count = (labels as HostTensor).shape[2] as number;
    const results = new Float64Array(rows * count);
    for (let i = 0; i < rows; i++) {
      const least = (largest as HostTensor).data[i * k + k - 1] as number;
      let total = 0;
      for (let j = 0; j < frames * lines * side; j++) {
        const similarity = data[i * frames * lines * side + j] as number;
        if (similarity === NO_NEIGHBOUR || similarity < least) continue;
        const weight = Math.exp((similarity - 1) / temperature);
        total += weight;
        const line = (Math.floor(j / side) % lines) - (lines - 1) / 2;
        const neighbour = first + i + line * width + (j % side) - (side - 1) / 2;
        const from = (Math.floor(j / side / lines) * height * width + neighbour) * count;
        for (let l = 0; l < count; l++) {
          results[i * count + l] =
            (results[i * count + l] as number) + weight * ((labels as HostTensor).data[from + l] as number);
        }
      }
      for (let l = 0; l < count; l++) results[i * count + l] = (results[i * count + l] as number) / total;
    }
    return results;
  },
  cases: [
    mixCase({ grid: [1, 1], reach: 0, frames: 1, labels: 1, k: 1 }),
    mixCase(SMALL),
    mixCase({ grid: [5, 3], reach: 9, frames: 1, labels: 2, k: 5 }, "everywhere"),
    mixCase({ grid: [9, 11], reach: 4, frames: 3, labels: 4, k: 5 }),
    mixCase({ grid: [9, 11], reach: 3, frames: 2, labels: 2, k: 5, first: 17, rows: 25 }, "a part of the rows"),
    mixCase({ grid: [2, 2], reach: 1, frames: 1, labels: 2, k: 9 }, "fewer neighbours than are wanted"),
  ],
  rejects: [
    { ...changed(mixCase(SMALL), { temperature: 0 }), message: "temperature" },
    { ...changed(mixCase(SMALL), { grid: [5, 5] }), message: "frames and grid" },
    { ...changed(mixCase(SMALL), { first: 3 }), message: "rows within the grid" },
  ],
  tolerance: { f32: 1e-5, f16: 1e-5 },
});
