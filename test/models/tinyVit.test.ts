// MobileSAM's TinyViT against its original code, stage by stage, with seeded weights; on pictures of 256 x 256, whose
// maps of 32 and 16 places no window divides.
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { seededTensor } from "../../src/check/seeded.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Value } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { TinyVitConfig } from "../../src/models/sam/config.ts";
import { originalSamConfig, originalSamNaming } from "../../src/models/sam/original.ts";
import { tinyVitEncoder } from "../../src/models/sam/tinyVit.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, cosine, firstDifference, readGolden, runGraph, toDevice } from "./parity.ts";

const FOLDER = "test/golden/mobile-sam";
const SIDE = 256;
const STAGES = ["stage.0", "stage.1", "stage.2", "stage.3", "stage.4", "image_embeddings"];

/** Every n-th place of a map [1, H, W, C], so that 8 by 8 are left, as in the golden. */
function thinned({ data, shape: [, H = 0, W = 0, C = 0] }: NdArray): NdArray {
  const out: number[] = [];
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      const at = ((y * H) / 8) * W + (x * W) / 8;
      out.push(...data.subarray(at * C, (at + 1) * C));
    }
  }
  return { data: Float32Array.from(out), shape: [1, 8, 8, C] };
}

/** What every stage gives, under the golden's names. */
async function run(type: ModelDType): Promise<Record<string, NdArray>> {
  const dtype = computedIn(type);
  const device = await testDevice();
  const data = seededTensor({ name: "pixels", shape: [1, 3, SIDE, SIDE], mean: 0, scale: 2 });
  const pixels = channelsLast({ data, shape: [1, 3, SIDE, SIDE] });
  return withSeededCheckpoint(`${FOLDER}/manifest.json`, async (path) => {
    const checkpoint = await readSafetensors(path);
    try {
      const build = (graph: Value["graph"]) => {
        const w = Weights.of(graph, checkpoint, dtype, originalSamNaming(checkpoint));
        const input = graph.input("pixels", { dtype, shape: pixels.shape });
        const stages: Value[] = [];
        const embedding = tinyVitEncoder(input, w, originalSamConfig(checkpoint).vision as TinyVitConfig, (x) =>
          stages.push(x),
        );
        return Object.fromEntries([...stages, embedding].map((value, i) => [STAGES[i] as string, value]));
      };
      const got = await runGraph(device, checkpoint, build, { pixels: toDevice(pixels.data, type) }, type);
      return Object.fromEntries(Object.entries(got).map(([name, map]) => [name, thinned(map)]));
    } finally {
      await checkpoint.close();
    }
  });
}

it("f32: every stage and the embedding", async () => {
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const got = await run("f32");
  expect(firstDifference(got, golden, STAGES, 1e-4)).toBeUndefined();
  const [ours, wanted] = [got.image_embeddings as NdArray, golden.get("image_embeddings") as NdArray];
  expect(cosine(ours.data, wanted.data)).toBeGreaterThanOrEqual(0.99999);
});

it("q8: the embedding with a cosine of 0.995", async () => {
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const [ours, wanted] = [(await run("q8")).image_embeddings as NdArray, golden.get("image_embeddings") as NdArray];
  expect(cosine(ours.data, wanted.data)).toBeGreaterThanOrEqual(0.995);
});

it("f16: the embedding with a cosine of 0.999", async (context) => {
  if (!(await testDevice()).hasF16) return context.skip("this adapter has no shader-f16");
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const [ours, wanted] = [(await run("f16")).image_embeddings as NdArray, golden.get("image_embeddings") as NdArray];
  expect(cosine(ours.data, wanted.data)).toBeGreaterThanOrEqual(0.999);
});
