// Runs parts of SAM 2 and of EdgeTAM on pictures from what PyTorch had: the goldens of scripts/goldenSam2.py and
// scripts/goldenEdgeTam.py.
import { readFile } from "node:fs/promises";
import type { Device } from "../../src/device/device.ts";
import type { HostArray, NdArray } from "../../src/device/tensor.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SamConfig } from "../../src/models/sam/config.ts";
import { samImage } from "../../src/models/sam/maskDecoder.ts";
import { promptTokens } from "../../src/models/sam/promptEncoder.ts";
import { type SamPrompt, tokensOf } from "../../src/models/sam/prompts.ts";
import { sam2Decoder } from "../../src/models/sam2/maskDecoder.ts";
import { type Naming, Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { channelsLast, runGraph, toDevice } from "./parity.ts";

type Golden = ReadonlyMap<string, NdArray>;

/** A small checkpoint of SAM 2, or of EdgeTAM. */
export interface Sam2Case {
  readonly folder: string;
  readonly config: (json: unknown) => SamConfig;
  readonly naming: Naming;
}

export type Build = (graph: Graph, weights: Weights, config: SamConfig) => Readonly<Record<string, Value>>;

export function of(golden: Golden, name: string): NdArray {
  const tensor = golden.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor;
}

async function configOf({ folder, config }: Sam2Case): Promise<SamConfig> {
  return config(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
}

export async function run(
  device: Device,
  model: Sam2Case,
  build: Build,
  inputs: Readonly<Record<string, HostArray>>,
  type: ModelDType = "f32",
): Promise<Record<string, NdArray>> {
  const config = await configOf(model);
  const checkpoint = await readSafetensors(`${model.folder}/model.safetensors`);
  const weightsOf = (graph: Graph) => Weights.of(graph, checkpoint, computedIn(type), model.naming);
  try {
    return await runGraph(device, checkpoint, (graph) => build(graph, weightsOf(graph), config), inputs, type);
  } finally {
    await checkpoint.close();
  }
}

export function pixelsOf(graph: Graph, type: ModelDType, { image_size: side }: SamConfig): Value {
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
export async function decode(device: Device, model: Sam2Case, golden: Golden, kind: string, type: ModelDType) {
  const { prompts, multimask } = casesOf(golden)[kind] as { prompts: readonly SamPrompt[]; multimask: boolean };
  const config = await configOf(model);
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
    model,
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
export function byParts({ data, shape: [, H = 0, W = 0, C = 0] }: NdArray, levels: number): Float32Array {
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

export function iou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [(a[i] as number) > 0, (b[i] as number) > 0];
    both += Number(x && y);
    either += Number(x || y);
  }
  return either === 0 ? 1 : both / either;
}

/** Prompts of the goldens. */
export const KINDS = ["point", "point.single", "points", "box", "box+point", "batch", "mask", "mask+point"];
