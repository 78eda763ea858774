// Labels of places from those near them in other maps that are most similar (facebookresearch/dino:
// eval_video_segmentation.py, label_propagation): what localSimilarity and topK give comes to shares of labels.
import { ArgumentError } from "../device/errors.ts";
import { expectRank, expectShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectSameDType, flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface MixLabelsParams {
  /** Places [height, width] of each map, row by row. */
  readonly grid: readonly [number, number];
  /** Weights are exp(similarity / temperature). */
  readonly temperature: number;
  /** The place of the first row; 0 when absent. */
  readonly first?: number;
}

function sizes(similarities: Spec, largest: Spec, labels: Spec) {
  const [rows = 0, frames = 0, lines = 0, side = 0] = similarities.shape;
  const [down, across] = [(lines - 1) / 2, (side - 1) / 2];
  return { rows, frames, down, across, k: largest.shape[1] ?? 0, labels: labels.shape[2] ?? 0 };
}

// Loaded where it is launched: videos alone have it.
const source: LazySource = () => import("../../shaders/mixLabels.wgsl");

export const mixLabels = /* @__PURE__ */ defineKernel<MixLabelsParams>()({
  name: "mixLabels",
  wgsl: [...flat, source],
  inputs: ["similarities", "largest", "labels"],
  params: {
    count: "u32",
    labels: "u32",
    k: "u32",
    height: "u32",
    width: "u32",
    down: "u32",
    across: "u32",
    frames: "u32",
    first: "u32",
    temperature: "f32",
  },
  output: ({ similarities, largest, labels }, { grid: [height, width], temperature, first = 0 }) => {
    expectRank("mixLabels", "similarities", similarities.shape, 4);
    expectRank("mixLabels", "largest", largest.shape, 2);
    const { rows, frames, k, labels: count } = sizes(similarities, largest, labels);
    expectShape("mixLabels", "largest", largest.shape, [rows, k], "rows of similarities");
    expectShape("mixLabels", "labels", labels.shape, [frames, height * width, count], "frames and grid");
    for (const [name, spec] of Object.entries({ similarities, largest, labels })) {
      expectSameDType("mixLabels", name, spec, "results", { dtype: "f32", shape: [] });
    }
    if (!(temperature > 0) || k < 1 || first + rows > height * width) {
      throw new ArgumentError(
        `[mixLabels] temperature, k and the rows are ${temperature}, ${k}, and ${rows} from ${first}: expected a ` +
          "positive number, 1 or more, and rows within the grid",
      );
    }
    return { dtype: "f32", shape: [rows, count] };
  },
  launch: ({ similarities, largest, labels }, { grid: [height, width], temperature, first = 0 }) => {
    const of = sizes(similarities, largest, labels);
    const count = of.rows * of.labels;
    return {
      params: { ...of, count, height, width, first, temperature },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ similarities, labels }) => 2 * sizeOf(similarities.shape) * (labels.shape[2] ?? 0),
});
