// The modules of SAM 2.1 for videos against transformers, for inputs of scripts/seeded.py.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { seededTensor } from "../../src/check/seeded.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { memoryAttention } from "../../src/models/sam2/memoryAttention.ts";
import { memoryEncoder, objectPointer } from "../../src/models/sam2/memoryEncoder.ts";
import { sam2Naming } from "../../src/models/sam2/names.ts";
import { sinePositions } from "../../src/models/sam2/positions.ts";
import { type Sam2VideoConfig, sam2VideoConfig } from "../../src/models/sam2/videoConfig.ts";
import { Weights } from "../../src/models/weights.ts";
import { testDevice } from "../adapters.ts";
import { readGolden, relativeError, runGraph } from "./parity.ts";

const FOLDER = "test/golden/small-sam2-video";
const [C, M, SIDE, FRAMES, TOKENS] = [128, 64, 8, 2, 6] as const;
const N = SIDE * SIDE;

/** As scripts/goldenSam2Video.py makes them. */
const value = (name: string, ...shape: number[]) => seededTensor({ name, shape, mean: 0, scale: 1 });

async function run(
  build: (graph: Graph, weights: Weights, config: Sam2VideoConfig) => Readonly<Record<string, Value>>,
  inputs: Readonly<Record<string, Float32Array>>,
): Promise<Record<string, NdArray>> {
  const config = sam2VideoConfig(JSON.parse(await readFile(`${FOLDER}/config.json`, "utf8")));
  const checkpoint = await readSafetensors(`${FOLDER}/model.safetensors`);
  try {
    return await runGraph(
      await testDevice(),
      checkpoint,
      (graph) => build(graph, Weights.of(graph, checkpoint, "f32", sam2Naming), config),
      inputs,
    );
  } finally {
    await checkpoint.close();
  }
}

async function errorsOf(got: Readonly<Record<string, NdArray>>): Promise<Record<string, number>> {
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const errors = Object.entries(got).map(
    ([name, { data }]) => [name, relativeError(data, golden.get(name)?.data ?? [])] as const,
  );
  console.log(errors.map(([name, error]) => `${name}: ${error.toExponential(1)}`).join(", "));
  return Object.fromEntries(errors);
}

describe("each module, f32, within 1e-4 of its largest value", () => {
  it("memory attention", async () => {
    const memory = value("memory", FRAMES * N + TOKENS, 1, M);
    const positions = value("positions", FRAMES * N + TOKENS, 1, M);
    const at = FRAMES * N * M;
    const got = await run(
      (graph, w, config) => {
        const input = (name: string, shape: readonly number[]) => graph.input(name, { dtype: "f32", shape });
        const memories = {
          frames: input("frames", [FRAMES, N, M]),
          framePositions: input("framePositions", [FRAMES, N, M]),
          pointers: input("pointers", [TOKENS, M]),
          pointerPositions: input("pointerPositions", [TOKENS, M]),
          frameRows: FRAMES * N,
          keys: FRAMES * N + TOKENS,
        };
        return { attention: memoryAttention(input("features", [1, N, C]), memories, w, config) };
      },
      {
        features: value("features", N, 1, C),
        frames: memory.subarray(0, at),
        framePositions: positions.subarray(0, at),
        pointers: memory.subarray(at),
        pointerPositions: positions.subarray(at),
      },
    );
    for (const error of Object.values(await errorsOf(got))) expect(error).toBeLessThanOrEqual(1e-4);
  });

  it("memory encoder, object pointer and codes of places", async () => {
    const got = await run(
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
    for (const error of Object.values(await errorsOf(got))) expect(error).toBeLessThanOrEqual(1e-4);
  });
});
