// What is compared with ONNX Runtime: a product of two matrices, and models from normalised pixels to their features,
// with the same seeded weights on both sides.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { writeSeeded } from "../scripts/seeded.ts";
import type { Device } from "../src/device/device.ts";
import { Executor } from "../src/graph/executor.ts";
import { Graph, type Value } from "../src/graph/graph.ts";
import * as ops from "../src/graph/ops.ts";
import { plan } from "../src/graph/plan.ts";
import { type WeightSource, WeightStore } from "../src/graph/store.ts";
import { type Checkpoint, readSafetensors } from "../src/io/safetensors.ts";
import { clipImage } from "../src/models/clip.ts";
import { clipConfig } from "../src/models/clipConfig.ts";
import { dino } from "../src/models/dino.ts";
import { dinoConfig } from "../src/models/dinoConfig.ts";
import { dinoNaming } from "../src/models/dinoNames.ts";
import { resnet } from "../src/models/resnet.ts";
import { resnetConfig } from "../src/models/resnetConfig.ts";
import { resnetNaming } from "../src/models/resnetNames.ts";
import { Weights } from "../src/models/weights.ts";
import { fillGraph, type OnnxRuntime } from "./onnxruntime.ts";

export type Arrays = Readonly<Record<string, Float32Array>>;

/** One side of a comparison: gives its result for inputs made for this round. */
export interface Side {
  readonly name: string;
  run(inputs: Arrays): Promise<Float32Array>;
  close(): Promise<void> | void;
}

export interface Contest {
  readonly what: string;
  readonly flops: number;
  readonly sides: readonly Side[];
  inputs(): Arrays;
}

const NO_WEIGHTS: WeightSource = { name: "", tensors: new Map() };

const noise = (n: number) => Float32Array.from({ length: n }, () => Math.random() * 2 - 1);

/** A computation of ours, loaded and ready to run. */
interface Opened {
  readonly executor: Executor;
  close(): void;
}

async function open(device: Device, source: WeightSource, build: (graph: Graph) => Value): Promise<Opened> {
  const graph = new Graph();
  graph.output("y", build(graph));
  const made = plan(graph, device);
  const store = new WeightStore(device, source);
  await store.load(made.statics.values());
  const executor = await Executor.create(device, made, store);
  const close = () => {
    executor.dispose();
    store.dispose();
  };
  return { executor, close };
}

function ourSide({ executor, close }: Opened, prepare = (x: Arrays) => x): Side {
  const run = async (inputs: Arrays) => (await executor.run(prepare(inputs))).y?.data as Float32Array;
  return { name: "webgpu-vision", run, close };
}

async function peerSide(
  ort: OnnxRuntime,
  name: string,
  path: string,
  dims: Readonly<Record<string, readonly number[]>>,
) {
  const session = await ort.InferenceSession.create(path, { executionProviders: ["webgpu"] });
  const tensors = (inputs: Arrays) =>
    Object.entries(dims).map(([key, shape]) => [key, new ort.Tensor("float32", inputs[key] as Float32Array, shape)]);
  const run = async (inputs: Arrays) => {
    const outputs = await session.run(Object.fromEntries(tensors(inputs)));
    return Object.values(outputs)[0]?.data as Float32Array;
  };
  return { name, run, close: () => session.release() } satisfies Side;
}

async function matmulContest(device: Device, ort: OnnxRuntime, n: number): Promise<Contest> {
  const shape = [n, n];
  const spec = { dtype: "f32", shape } as const;
  const ours = await open(device, NO_WEIGHTS, (graph) =>
    ops.matmul({ a: graph.input("a", spec), b: graph.input("b", spec) }),
  );
  const { flops } = ours.executor.plan.summary();
  const peer = await peerSide(ort, "onnxruntime-node", "bench/peers/matmul.onnx", { a: shape, b: shape });
  return {
    what: `matmul ${n}³`,
    flops,
    sides: [ourSide(ours), peer],
    inputs: () => ({ a: noise(n * n), b: noise(n * n) }),
  };
}

/** A model of test/golden with seeded weights, and the graphs of bench/peers that hold the same. */
export interface ModelContest {
  readonly what: string;
  readonly golden: string;
  /** Forms of the graph: the peer takes part once with each. */
  readonly graphs: readonly string[];
  /** From normalised pixels [1, 224, 224, 3] to what the graphs give. */
  build(pixels: Value, checkpoint: Checkpoint, config: unknown): Value;
}

/** By name. */
export const MODELS: Readonly<Record<string, ModelContest>> = {
  clip: {
    what: "CLIP B/32 image",
    golden: "clip-vit-base-patch32",
    graphs: ["clip-vit-base-patch32.image.fused", "clip-vit-base-patch32.image"],
    build: (pixels, checkpoint, config) =>
      clipImage(pixels, Weights.of(pixels.graph, checkpoint, "f32"), clipConfig(config).vision).embeds,
  },
  "dino-vits16": {
    what: "DINO S/16",
    golden: "dino-vits16",
    graphs: ["dino-vits16.fused", "dino-vits16"],
    build: (pixels, checkpoint, config) => {
      const w = Weights.of(pixels.graph, checkpoint, "f32", dinoNaming(checkpoint));
      return dino(pixels, w, dinoConfig(config)).tokens;
    },
  },
  "dino-resnet50": {
    what: "DINO ResNet-50",
    golden: "dino-resnet50",
    graphs: ["dino-resnet50"],
    build: (pixels, checkpoint, config) => {
      const w = Weights.of(pixels.graph, checkpoint, "f32", resnetNaming(checkpoint));
      return resnet(pixels, w, resnetConfig(config, checkpoint)).pooled;
    },
  },
};

/** The model with its seeded weights, which are made at the first use. */
export async function openModel(device: Device, { golden, build }: ModelContest): Promise<Opened> {
  const weights = `.cache/peers/${golden}.safetensors`;
  const read = (file: string) => JSON.parse(readFileSync(`test/golden/${golden}/${file}`, "utf8"));
  mkdirSync(".cache/peers", { recursive: true });
  if (!existsSync(weights)) await writeSeeded(read("manifest.json"), weights);
  const config = read("config.json");
  const checkpoint = await readSafetensors(weights);
  return open(device, checkpoint, (graph) =>
    build(graph.input("pixels", { dtype: "f32", shape: [1, 224, 224, 3] }), checkpoint, config),
  );
}

async function modelContest(device: Device, ort: OnnxRuntime, model: ModelContest): Promise<Contest> {
  const ours = await openModel(device, model);
  const { flops } = ours.executor.plan.summary();
  const side = ourSide(ours, ({ x }) => ({ pixels: channelsLast(x as Float32Array) }));
  const peers: Side[] = [];
  for (const name of model.graphs) {
    const path = fillGraph(name, `test/golden/${model.golden}/manifest.json`);
    const form = name.endsWith(".fused") ? ", fused" : "";
    peers.push(await peerSide(ort, `onnxruntime-node${form}`, path, { x: [1, 3, 224, 224] }));
  }
  return { what: model.what, flops, sides: [side, ...peers], inputs: () => ({ x: noise(3 * 224 * 224) }) };
}

function channelsLast(x: Float32Array): Float32Array {
  const pixels = x.length / 3;
  return Float32Array.from({ length: x.length }, (_, i) => x[(i % 3) * pixels + Math.floor(i / 3)] as number);
}

/** By name. */
export const CONTESTS: Readonly<Record<string, (device: Device, ort: OnnxRuntime) => Promise<Contest>>> = {
  matmul: (device, ort) => matmulContest(device, ort, 1024),
  ...Object.fromEntries(
    Object.entries(MODELS).map(([name, model]) => [
      name,
      (device: Device, ort: OnnxRuntime) => modelContest(device, ort, model),
    ]),
  ),
};
