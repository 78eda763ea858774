// SAM's prompt encoder and mask decoder against PyTorch, from the image embedding that it had: every kind of prompt.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { samDecoder, samImage } from "../../src/models/sam/maskDecoder.ts";
import { samNaming } from "../../src/models/sam/names.ts";
import { promptTokens } from "../../src/models/sam/promptEncoder.ts";
import { type SamPrompt, tokensOf } from "../../src/models/sam/prompts.ts";
import { samConfig } from "../../src/models/sam/readConfig.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, cosine, readGolden, relativeError, runGraph, toDevice } from "./parity.ts";

type Golden = ReadonlyMap<string, NdArray>;

function of(golden: Golden, name: string): NdArray {
  const tensor = golden.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor;
}

interface Case {
  readonly prompts: readonly SamPrompt[];
  readonly multimask: boolean;
}

/** The prompts of scripts/golden.py. */
function casesOf(golden: Golden): Record<string, Case> {
  const pairs = (name: string) => {
    const { data } = of(golden, name);
    return Array.from({ length: data.length / 2 }, (_, i) => ({
      x: data[2 * i] as number,
      y: data[2 * i + 1] as number,
    }));
  };
  const [first, second, third] = pairs("prompt.points_xy");
  const batch = pairs("prompt.batch_xy");
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = of(golden, "prompt.box_xyxy").data;
  const box = [x0, y0, x1, y1] as const;
  if (!first || !second || !third) throw new RangeError("the golden lacks points");
  const point = { points: [first] };
  return {
    point: { prompts: [point], multimask: true },
    "point.single": { prompts: [point], multimask: false },
    points: { prompts: [{ points: [first, { ...second, label: 0 }, third] }], multimask: true },
    box: { prompts: [{ box }], multimask: false },
    "box+point": { prompts: [{ ...point, box }], multimask: true },
    batch: {
      prompts: batch.map((at, i) => ({ points: [{ ...at, label: i === 2 ? 0 : 1 }] })),
      multimask: true,
    },
    "mask+point": {
      prompts: [{ ...point, maskInput: of(golden, "mask+point.input_mask").data }],
      multimask: false,
    },
  };
}

async function run(device: Device, folder: string, golden: Golden, { prompts }: Case, type: ModelDType) {
  const dtype = computedIn(type);
  const config = samConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const embedding = of(golden, "image_embeddings");
  const { data } = channelsLast(embedding);
  const [, C = 0] = embedding.shape;
  const side = config.image_embedding_size;
  const [height = 0, width = 0] = of(golden, "original_size").data;
  const [cutH = 0, cutW = 0] = of(golden, "reshaped_size").data;
  const tokens = prompts.map((prompt) => tokensOf(prompt, { width, height, cut: [cutH, cutW] }, config));
  const P = prompts.length;
  const T = tokens[0]?.labels.length ?? 0;
  const mask = prompts[0]?.maskInput;
  try {
    return await runGraph(
      device,
      checkpoint,
      (graph) => {
        const w = Weights.of(graph, checkpoint, dtype, samNaming(checkpoint));
        const coords = graph.input("coords", { dtype: "f32", shape: [P, T, 2] });
        const labels = graph.input("labels", { dtype: "i32", shape: [P, T] });
        const picture = graph.input("embedding", { dtype, shape: [1, side * side, C] });
        const masks = mask && graph.input("mask", { dtype, shape: [1, 4 * side, 4 * side, 1] });
        const image = samImage(picture, w, config, masks);
        const { lowResMasks, iouScores } = samDecoder(promptTokens(coords, labels, w, config), image, w, config);
        return { masks: lowResMasks, scores: iouScores };
      },
      {
        coords: Float32Array.from(tokens.flatMap(({ coords }) => coords)),
        labels: Int32Array.from(tokens.flatMap(({ labels }) => labels)),
        embedding: toDevice(data, type),
        ...(mask && { mask: toDevice(mask, type) }),
      },
      type,
    );
  } finally {
    await checkpoint.close();
  }
}

/** Those of multimask, or the single one: rows of [P, M, …]. */
function chosen({ data, shape: [P = 0, M = 0, ...rest] }: NdArray, multimask: boolean): Float32Array {
  const size = rest.reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: P }, (_, p) =>
    data.subarray((p * M + (multimask ? 1 : 0)) * size, (p * M + (multimask ? M : 1)) * size),
  );
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

function iou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [(a[i] as number) > 0, (b[i] as number) > 0];
    both += Number(x && y);
    either += Number(x || y);
  }
  return either === 0 ? 1 : both / either;
}

const KINDS = ["point", "point.single", "points", "box", "box+point", "batch", "mask+point"];

describe.each(["small-sam", "small-sam-whole-windows"])("%s", (name) => {
  const folder = `test/golden/${name}`;

  it.each(KINDS)("%s, f32: logits and scores within 1e-3", async (kind) => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const test = casesOf(golden)[kind] as Case;
    const got = await run(await testDevice(), folder, golden, test, "f32");
    const [masks, scores] = [got.masks as NdArray, got.scores as NdArray];
    const expected = of(golden, `${kind}.low_res_masks`).data;
    const ours = chosen(masks, test.multimask);
    expect(relativeError(ours, expected)).toBeLessThanOrEqual(1e-3);
    const errors = chosen(scores, test.multimask).map((score, i) =>
      Math.abs(score - (of(golden, `${kind}.iou_scores`).data[i] as number)),
    );
    expect(Math.max(...errors)).toBeLessThanOrEqual(1e-3);
    expect(iou(ours, expected)).toBeGreaterThanOrEqual(0.999);
  });

  it.each(KINDS)("%s, q8: logits with a cosine of 0.995", async (kind) => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const test = casesOf(golden)[kind] as Case;
    const got = await run(await testDevice(), folder, golden, test, "q8");
    const ours = chosen(got.masks as NdArray, test.multimask);
    expect(cosine(ours, of(golden, `${kind}.low_res_masks`).data)).toBeGreaterThanOrEqual(0.995);
  });

  it("points, f16: masks with an IoU of 0.99", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const test = casesOf(golden).points as Case;
    const got = await run(device, folder, golden, test, "f16");
    const ours = chosen(got.masks as NdArray, true);
    expect(iou(ours, of(golden, "points.low_res_masks").data)).toBeGreaterThanOrEqual(0.99);
  });
});

/** A published checkpoint's table of contents, by its manifest. */
async function published(name: string) {
  const rows = JSON.parse(await readFile(`test/golden/${name}/manifest.json`, "utf8")) as SeededRow[];
  return { name, tensors: new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }])) };
}

it("takes at most 60 dispatches for one prompt, of the published size", async () => {
  const config = samConfig({ model_type: "sam" });
  const traits = {
    info: { class: "cpu-lavapipe" },
    hasF16: true,
    hasSubgroups: true,
    subgroupSize: 8,
    limits: {
      maxComputeInvocationsPerWorkgroup: 256,
      maxComputeWorkgroupStorageSize: 16 << 10,
      maxStorageBufferBindingSize: 128 << 20,
    },
  } as const;
  const graph = new Graph();
  const w = Weights.of(graph, await published("sam-vit-base"), "f32");
  const shared = { dtype: "f32", shape: [1, 4096, 128] } as const;
  const image = {
    map: graph.input("map", { dtype: "f32", shape: [1, 4096, 256] }),
    q: graph.input("q", shared),
    k: graph.input("k", shared),
    v: graph.input("v", shared),
  };
  const coords = graph.input("coords", { dtype: "f32", shape: [1, 7, 2] });
  const labels = graph.input("labels", { dtype: "i32", shape: [1, 7] });
  const masks = samDecoder(promptTokens(coords, labels, w, config), image, w, config);
  graph.output("masks", masks.lowResMasks);
  graph.output("scores", masks.iouScores);
  const summary = plan(graph, traits).summary();
  console.log(`SAM's decoder: ${summary.dispatches} dispatches of ${summary.pipelines} pipelines for one point`);
  expect(summary.dispatches).toBeLessThanOrEqual(60);
});
