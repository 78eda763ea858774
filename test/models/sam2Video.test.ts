// The modules of SAM 2.1 and EdgeTAM for videos against transformers, for inputs of scripts/seeded.py.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { seededTensor } from "../../src/check/seeded.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { edgeTamNaming } from "../../src/models/edgetam/names.ts";
import { edgeTamVideoConfig } from "../../src/models/edgetam/readConfig.ts";
import { latentPositions, spatialPerceiver } from "../../src/models/edgetam/spatialPerceiver.ts";
import { memoryAttention } from "../../src/models/sam2/memoryAttention.ts";
import { memoryEncoder, objectPointer } from "../../src/models/sam2/memoryEncoder.ts";
import { sam2Naming } from "../../src/models/sam2/names.ts";
import { sinePositions } from "../../src/models/sam2/positions.ts";
import { memoryRows, type Sam2VideoConfig, sam2VideoConfig } from "../../src/models/sam2/videoConfig.ts";
import { type Naming, Weights } from "../../src/models/weights.ts";
import { testDevice } from "../adapters.ts";
import { readGolden, relativeError, runGraph } from "./parity.ts";

interface VideoCase {
  readonly folder: string;
  readonly config: (json: unknown) => Sam2VideoConfig;
  readonly naming: Naming;
}

const SAM2: VideoCase = { folder: "test/golden/small-sam2-video", config: sam2VideoConfig, naming: sam2Naming };
const EDGETAM: VideoCase = { folder: "test/golden/small-edgetam", config: edgeTamVideoConfig, naming: edgeTamNaming };
const [C, M, SIDE, FRAMES, TOKENS] = [128, 64, 8, 2, 6] as const;
const N = SIDE * SIDE;

/** As scripts/goldenSam2Video.py makes them. */
const value = (name: string, ...shape: number[]) => seededTensor({ name, shape, mean: 0, scale: 1 });

async function run(
  model: VideoCase,
  build: (graph: Graph, weights: Weights, config: Sam2VideoConfig) => Readonly<Record<string, Value>>,
  inputs: Readonly<Record<string, Float32Array>>,
): Promise<Record<string, NdArray>> {
  const config = await configOf(model);
  const checkpoint = await readSafetensors(`${model.folder}/model.safetensors`);
  try {
    return await runGraph(
      await testDevice(),
      checkpoint,
      (graph) => build(graph, Weights.of(graph, checkpoint, "f32", model.naming), config),
      inputs,
    );
  } finally {
    await checkpoint.close();
  }
}

async function configOf({ folder, config }: VideoCase): Promise<Sam2VideoConfig> {
  return config(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
}

async function errorsOf({ folder }: VideoCase, got: Readonly<Record<string, NdArray>>): Promise<number[]> {
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const errors = Object.entries(got).map(
    ([name, { data }]) => [name, relativeError(data, golden.get(name)?.data ?? [])] as const,
  );
  console.log(errors.map(([name, error]) => `${name}: ${error.toExponential(1)}`).join(", "));
  return errors.map(([, error]) => error);
}

describe("each module, f32, within 1e-4 of its largest value", () => {
  it.each([
    ["SAM 2", SAM2],
    ["EdgeTAM", EDGETAM],
  ])("memory attention of %s", async (_, model) => {
    const R = memoryRows(await configOf(model));
    const memory = value("memory", FRAMES * R + TOKENS, 1, M);
    const positions = value("positions", FRAMES * R + TOKENS, 1, M);
    const at = FRAMES * R * M;
    const got = await run(
      model,
      (graph, w, config) => {
        const input = (name: string, shape: readonly number[]) => graph.input(name, { dtype: "f32", shape });
        const memories = {
          frames: input("frames", [FRAMES, R, M]),
          framePositions: input("framePositions", [FRAMES, R, M]),
          pointers: input("pointers", [TOKENS, M]),
          pointerPositions: input("pointerPositions", [TOKENS, M]),
          pointersAt: FRAMES * R,
        };
        const keys = FRAMES * R + TOKENS;
        return { attention: memoryAttention(input("features", [1, N, C]), [memories], keys, w, config) };
      },
      {
        features: value("features", N, 1, C),
        frames: memory.subarray(0, at),
        framePositions: positions.subarray(0, at),
        pointers: memory.subarray(at),
        pointerPositions: positions.subarray(at),
      },
    );
    for (const error of await errorsOf(model, got)) expect(error).toBeLessThanOrEqual(1e-4);
  });

  it("memory encoder, object pointer and codes of places", async () => {
    const model = SAM2;
    const got = await run(
      model,
      (graph, w, config) => {
        const input = (name: string, shape: readonly number[]) => graph.input(name, { dtype: "f32", shape });
        const features = input("features", [1, SIDE, SIDE, C]);
        const mask = input("mask", [1, 16 * SIDE, 16 * SIDE, 1]);
        return {
          memory: memoryEncoder(features, mask, w, config),
          pointer: objectPointer(input("token", [1, C]), w),
          "memory.positions": sinePositions(graph, SIDE, M, "f32"),
          "features.positions": sinePositions(graph, SIDE, C, "f32"),
        };
      },
      {
        features: value("features", N, 1, C),
        mask: value("mask", 1, 1, 16 * SIDE, 16 * SIDE).map((x) => 4 * x),
        token: value("token", 1, C),
      },
    );
    for (const error of await errorsOf(model, got)) expect(error).toBeLessThanOrEqual(1e-4);
  });

  it("EdgeTAM's spatial perceiver, and codes of its latents", async () => {
    const model = EDGETAM;
    const got = await run(
      model,
      (graph, w, { perceiver }) => {
        if (!perceiver) throw new RangeError("no perceiver");
        const encoded = graph.input("encoded", { dtype: "f32", shape: [1, SIDE, SIDE, M] });
        return {
          latents: spatialPerceiver(encoded, w, perceiver),
          "latents.positions": latentPositions(graph, perceiver, M, "f32"),
        };
      },
      { encoded: value("encoded", 1, SIDE, SIDE, M) },
    );
    for (const error of await errorsOf(model, got)) expect(error).toBeLessThanOrEqual(1e-4);
  });
});
