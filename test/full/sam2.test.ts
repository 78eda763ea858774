// SAM 2.1 with Hiera tiny at its real size, from a file under the original names alone (seeded weights), against the
// code of facebookresearch/sam2; and EdgeTAM against transformers: the embedding and the masks of a point, every 8th
// row and column of each.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { sines } from "../../src/check/sines.ts";
import type { HostArray, NdArray } from "../../src/device/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { Part } from "../../src/models/part.ts";
import { maskSizes } from "../../src/models/sam/parts.ts";
import { pointTokens } from "../../src/models/sam/prompts.ts";
import { readSam2 } from "../../src/models/sam2/readSam2.ts";
import { Weights } from "../../src/models/weights.ts";
import { testDevice } from "../adapters.ts";
import { readGolden, relativeError, runGraph } from "../models/parity.ts";

const EVERY = 8;
const MODELS = [
  { name: "sam2.1-hiera-tiny-original", config: undefined },
  {
    name: "edgetam",
    config: JSON.parse(readFileSync("test/golden/edgetam/config.json", "utf8")) as unknown,
  },
];

it.each(MODELS)("$name gives the original's embedding and masks", async ({ name: model, config: json }) => {
  const device = await testDevice();
  const folder = `test/golden/${model}`;
  const golden = await readGolden(`${folder}/golden.safetensors`);
  await withSeededCheckpoint(`${folder}/manifest.json`, async (path) => {
    const checkpoint = await readSafetensors(path);
    const files = { ...checkpoint, config: json, openClip: undefined, processor: undefined };
    const { config, parts, naming } = readSam2(files);
    const { image_size: side, image_embedding_size: places } = config;
    const { M, L } = maskSizes(config);
    const tokens = pointTokens(config, [480, 360]);
    const T = tokens.labels.length;
    const encoder = parts.encoder({ config, dtype: "f32", isEmbeddingOnly: true });
    const decoder = parts.decoder({ config, dtype: "f32", P: 1, T, hasMask: false, from: "embedding" });
    const run = (part: Part, inputs: Readonly<Record<string, HostArray>>) => {
      const build = (graph: Graph) => {
        const values = Object.entries(part.inputs).map(([name, spec]) => [name, graph.input(name, spec)]);
        return part.record(Object.fromEntries(values), Weights.of(graph, checkpoint, "f32", naming));
      };
      return runGraph(device, checkpoint, build, inputs);
    };
    try {
      const image = await run(encoder, { pixels: sines(3, side * side) });
      const ofImage = Object.fromEntries(Object.entries(image).map(([name, { data }]) => [name, data]));
      const { masks, scores, objectScores } = await run(decoder, { ...ofImage, ...tokens });
      const embedding = image.embedding as NdArray;
      const C = embedding.shape[2] as number;
      const errors = {
        image_embeddings: relativeError(
          thinned(C, places, (c, at) => embedding.data[at * C + c] ?? 0),
          golden.get("image_embeddings")?.data ?? [],
        ),
        low_res_masks: relativeError(
          thinned(M - 1, L, (m, at) => (masks as NdArray).data[(m + 1) * L * L + at] ?? 0),
          golden.get("low_res_masks")?.data ?? [],
        ),
        iou_scores: relativeError((scores as NdArray).data.subarray(1), golden.get("iou_scores")?.data ?? []),
        object_score_logits: relativeError(
          (objectScores as NdArray).data,
          golden.get("object_score_logits")?.data ?? [],
        ),
      };
      console.log(
        `${model}:`,
        Object.entries(errors)
          .map(([name, e]) => `${name} ${e.toExponential(1)}`)
          .join(),
      );
      for (const error of Object.values(errors)) expect(error).toBeLessThanOrEqual(1e-4);
    } finally {
      await checkpoint.close();
    }
  });
});

/** Every 8th row and column of `count` maps of a side, channels first. */
function thinned(count: number, side: number, at: (map: number, place: number) => number): Float32Array {
  const rows = side / EVERY;
  return Float32Array.from({ length: count * rows * rows }, (_, i) => {
    const [map, place] = [Math.floor(i / rows ** 2), i % rows ** 2];
    return at(map, EVERY * (Math.floor(place / rows) * side + (place % rows)));
  });
}
