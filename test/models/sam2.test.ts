// SAM 2.1 on pictures against transformers: the maps of Hiera's stages, the pyramid, what the decoder is given of a
// picture, and every kind of prompt from what PyTorch had.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { HostArray, NdArray } from "../../src/device/tensor.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SamConfig } from "../../src/models/sam/config.ts";
import { samImage } from "../../src/models/sam/maskDecoder.ts";
import { promptTokens } from "../../src/models/sam/promptEncoder.ts";
import { type SamPrompt, tokensOf } from "../../src/models/sam/prompts.ts";
import type { Sam2VisionConfig } from "../../src/models/sam2/config.ts";
import { hiera } from "../../src/models/sam2/hiera.ts";
import { featurePyramid } from "../../src/models/sam2/imageEncoder.ts";
import { sam2Decoder, skipsOf } from "../../src/models/sam2/maskDecoder.ts";
import { sam2Naming } from "../../src/models/sam2/names.ts";
import { embeddingOf } from "../../src/models/sam2/parts.ts";
import { sam2Config } from "../../src/models/sam2/readConfig.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, firstDifference, readGolden, relativeError, runGraph, toDevice } from "./parity.ts";

type Golden = ReadonlyMap<string, NdArray>;
type Build = (graph: Graph, weights: Weights, config: SamConfig) => Readonly<Record<string, Value>>;

const NAMES = ["small-sam2", "small-sam2-whole-windows"] as const;
const TOLERANCE = 1e-4;

function of(golden: Golden, name: string): NdArray {
  const tensor = golden.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor;
}

async function configOf(folder: string): Promise<SamConfig> {
  return sam2Config(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
}

async function run(
  device: Device,
  folder: string,
  build: Build,
  inputs: Readonly<Record<string, HostArray>>,
  type: ModelDType = "f32",
): Promise<Record<string, NdArray>> {
  const config = await configOf(folder);
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const weightsOf = (graph: Graph) => Weights.of(graph, checkpoint, computedIn(type), sam2Naming);
  try {
    return await runGraph(device, checkpoint, (graph) => build(graph, weightsOf(graph), config), inputs, type);
  } finally {
    await checkpoint.close();
  }
}

function pixelsOf(graph: Graph, type: ModelDType, { image_size: side }: SamConfig): Value {
  return graph.input("pixels", { dtype: computedIn(type), shape: [1, side, side, 3] });
}

/** The golden's prompts, and whether three masks of each are wanted. */
function casesOf(golden: Golden): Record<string, { prompts: readonly SamPrompt[]; multimask: boolean }> {
  const pairs = (name: string) => {
    const { data } = of(golden, name);
    return Array.from({ length: data.length / 2 }, (_, i) => ({ x: data[2 * i] ?? 0, y: data[2 * i + 1] ?? 0 }));
  };
  const [first = { x: 0, y: 0 }, second = first, third = first] = pairs("prompt.points_xy");
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = of(golden, "prompt.box_xyxy").data;
  const point = { points: [first] };
  const box = { box: [x0, y0, x1, y1] as const };
  const maskInput = of(golden, "mask.input_mask").data;
  const batch = pairs("prompt.batch_xy").map((at, i) => ({ points: [{ ...at, label: i === 2 ? 0 : 1 }] }));
  return {
    point: { prompts: [point], multimask: true },
    "point.single": { prompts: [point], multimask: false },
    points: { prompts: [{ points: [first, { ...second, label: 0 }, third] }], multimask: true },
    box: { prompts: [box], multimask: false },
    "box+point": { prompts: [{ ...point, ...box }], multimask: true },
    batch: { prompts: batch, multimask: true },
    mask: { prompts: [{ maskInput }], multimask: false },
    "mask+point": { prompts: [{ ...point, maskInput }], multimask: false },
  };
}

/** Masks, scores and object scores of a case, from the picture as PyTorch encoded it. */
async function decode(device: Device, folder: string, golden: Golden, kind: string, type: ModelDType) {
  const { prompts, multimask } = casesOf(golden)[kind] as { prompts: readonly SamPrompt[]; multimask: boolean };
  const config = await configOf(folder);
  const dtype = computedIn(type);
  const [height = 0, width = 0] = of(golden, "original_size").data;
  const { image_size: square, image_embedding_size: side } = config;
  const tokens = prompts.map((prompt) => tokensOf(prompt, { width, height, cut: [square, square] }, config));
  const [P, T] = [prompts.length, tokens[0]?.labels.length ?? 0];
  const mask = prompts[0]?.maskInput;
  const embedding = channelsLast(of(golden, "image_embeddings"));
  const build: Build = (graph, w) => {
    const coords = graph.input("coords", { dtype: "f32", shape: [P, T, 2] });
    const labels = graph.input("labels", { dtype: "i32", shape: [P, T] });
    const masks = mask && graph.input("mask", { dtype, shape: [1, 4 * side, 4 * side, 1] });
    const C = config.prompt.hidden_size;
    const image = samImage(graph.input("embedding", { dtype, shape: [1, side * side, C] }), w, config, masks);
    const skips = {
      skip1: graph.input("skip1", { dtype, shape: [1, 4 * side * side, C / 4] }),
      skip0: graph.input("skip0", { dtype, shape: [1, 16 * side * side, C / 8] }),
    };
    const all = sam2Decoder(promptTokens(coords, labels, w, config), image, skips, w, config);
    return { masks: all.lowResMasks, scores: all.iouScores, objectScores: all.objectScoreLogits };
  };
  const got = await run(
    device,
    folder,
    build,
    {
      coords: Float32Array.from(tokens.flatMap(({ coords }) => coords)),
      labels: Int32Array.from(tokens.flatMap(({ labels }) => labels)),
      embedding: toDevice(embedding.data, type),
      skip1: toDevice(byParts(of(golden, "skip.1"), 1), type),
      skip0: toDevice(byParts(of(golden, "skip.0"), 2), type),
      ...(mask && { mask: toDevice(mask, type) }),
    },
    type,
  );
  const given = ({ data, shape: [count = 0, M = 0] }: NdArray) => {
    const size = data.length / count / M;
    const [first, end] = multimask ? [1, M] : [0, 1];
    const rows = Array.from({ length: count }, (_, p) => data.subarray((p * M + first) * size, (p * M + end) * size));
    return Float32Array.from(rows.flatMap((row) => [...row]));
  };
  return {
    masks: given(got.masks as NdArray),
    scores: given(got.scores as NdArray),
    objectScores: (got.objectScores as NdArray).data,
  };
}

/** [1, h, w, C] in the order of the decoder: each place of the coarser map, then its parts row by row. */
function byParts({ data, shape: [, H = 0, W = 0, C = 0] }: NdArray, levels: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      let at = (y >> levels) * (W >> levels) + (x >> levels);
      for (let level = levels - 1; level >= 0; level--) at = 4 * at + 2 * ((y >> level) & 1) + ((x >> level) & 1);
      out.set(data.subarray((y * W + x) * C, (y * W + x + 1) * C), at * C);
    }
  }
  return out;
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

const KINDS = ["point", "point.single", "points", "box", "box+point", "batch", "mask", "mask+point"];

describe.each(NAMES)("%s", (name) => {
  const folder = `test/golden/${name}`;

  it("stages, pyramid and what the decoder is given, f32: each within 1e-4 of its largest value", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const build: Build = (graph, w, config) => {
      const vision = config.vision as Sam2VisionConfig;
      const stages = hiera(pixelsOf(graph, "f32", config), w, vision.backbone_config);
      const levels = featurePyramid(stages, w, vision);
      return {
        ...Object.fromEntries(stages.map((stage, i) => [`stage.${i}`, stage])),
        "level.1": levels[1] as Value,
        image_embeddings: embeddingOf(levels[2] as Value, w),
        ...skipsOf(levels, w),
      };
    };
    const pixels = channelsLast(of(golden, "pixel_values")).data;
    const got = await run(await testDevice(), folder, build, { pixels });
    const expected = new Map([
      ...golden,
      ["image_embeddings", channelsLast(of(golden, "image_embeddings"))] as const,
      ["skip0", { data: byParts(of(golden, "skip.0"), 2), shape: [] }] as const,
      ["skip1", { data: byParts(of(golden, "skip.1"), 1), shape: [] }] as const,
    ]);
    const compared = ["stage.0", "stage.1", "stage.2", "stage.3", "level.1", "image_embeddings", "skip0", "skip1"];
    const errors = compared.map((key) => relativeError((got[key] as NdArray).data, of(expected, key).data));
    console.log(`${name}: largest errors of ${compared.map((key, i) => `${key} ${errors[i]?.toExponential(1)}`)}`);
    expect(firstDifference(got, expected, compared, TOLERANCE)).toBeUndefined();
  });

  it.each(KINDS)("%s, f32: masks, scores and object scores within 1e-4 of the largest", async (kind) => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await decode(await testDevice(), folder, golden, kind, "f32");
    const masks = of(golden, `${kind}.low_res_masks`).data;
    expect(relativeError(got.masks, masks)).toBeLessThanOrEqual(TOLERANCE);
    expect(relativeError(got.scores, of(golden, `${kind}.iou_scores`).data)).toBeLessThanOrEqual(TOLERANCE);
    const objectScores = of(golden, `${kind}.object_score_logits`).data;
    expect(got.objectScores.length).toBe(objectScores.length);
    expect(Math.max(...got.objectScores.map((x, i) => Math.abs(x - (objectScores[i] ?? 0))))).toBeLessThanOrEqual(1e-4);
    expect(iou(got.masks, masks)).toBeGreaterThanOrEqual(0.999);
  });

  it("points, f16: masks with an IoU of 0.99", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const { masks } = await decode(device, folder, golden, "points", "f16");
    expect(iou(masks, of(golden, "points.low_res_masks").data)).toBeGreaterThanOrEqual(0.99);
  });
});
