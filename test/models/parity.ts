// Compares what a graph computes with what PyTorch gave, tensor by tensor, and names the first layer that differs.

import type { Device } from "../../src/device/device.ts";
import { toHalfArray } from "../../src/device/half.ts";
import type { HostArray, NdArray } from "../../src/device/tensor.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { WeightStore } from "../../src/graph/store.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { computedIn, type ModelDType, planOptions } from "../../src/session/session.ts";

export { readGolden } from "../../scripts/golden.ts";

/** Every fourth row of all but the last dimension, [n, C]: as much as large goldens keep of a hidden state. */
export function everyFourthRow({ data, shape }: NdArray): NdArray {
  const columns = shape.at(-1) as number;
  const rows = Math.ceil(data.length / columns / 4);
  const kept = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    kept.set(data.subarray(4 * row * columns, (4 * row + 1) * columns), row * columns);
  }
  return { data: kept, shape: [rows, columns] };
}

/** Builds a graph over a checkpoint, runs it once (with int8 weights for "q8"), and frees everything. */
export async function runGraph(
  device: Device,
  checkpoint: Checkpoint,
  build: (graph: Graph) => Readonly<Record<string, Value>>,
  inputs: Readonly<Record<string, HostArray>>,
  dtype: ModelDType = "f32",
): Promise<Record<string, NdArray>> {
  const graph = new Graph();
  for (const [name, value] of Object.entries(build(graph))) graph.output(name, value);
  const graphPlan = plan(graph, device, await planOptions(dtype, device));
  const store = new WeightStore(device, checkpoint);
  let executor: Executor | undefined;
  try {
    await store.load(graphPlan.statics.values());
    executor = await Executor.create(device, graphPlan, store);
    return await executor.run(inputs);
  } finally {
    executor?.dispose();
    store.dispose();
  }
}

/** [B, C, H, W] to [B, H, W, C]. */
export function channelsLast({ data, shape: [B = 0, C = 0, H = 0, W = 0] }: NdArray): NdArray {
  const out = new Float32Array(data.length);
  for (let b = 0; b < B; b++) {
    for (let c = 0; c < C; c++) {
      for (let i = 0; i < H * W; i++) out[(b * H * W + i) * C + c] = data[(b * C + c) * H * W + i] as number;
    }
  }
  return { data: out, shape: [B, H, W, C] };
}

/** The golden's tensors of one size, maps channels last. */
export function ofSize(golden: ReadonlyMap<string, NdArray>, size: string): Map<string, NdArray> {
  const ofThisSize = [...golden].filter(([name]) => name.startsWith(`${size}.`));
  return new Map(
    ofThisSize.map(([name, value]) => [
      name.slice(size.length + 1),
      value.shape.length === 4 ? channelsLast(value) : value,
    ]),
  );
}

/** Floats as the device takes them. */
export function toDevice(data: Float32Array, dtype: ModelDType): Float32Array | Uint16Array {
  return computedIn(dtype) === "f32" ? data : toHalfArray(data);
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}

/** Largest difference as a share of the largest absolute value. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let [worst, largest] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs((got[i] as number) - (wanted[i] as number));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    largest = Math.max(largest, Math.abs(wanted[i] as number));
  }
  return got.length === wanted.length ? worst / largest : Number.POSITIVE_INFINITY;
}

/** Smallest cosine of corresponding rows. */
export function worstCosine(got: NdArray, wanted: NdArray): number {
  const columns = wanted.shape.at(-1) as number;
  let worst = 1;
  for (let at = 0; at < wanted.data.length; at += columns) {
    const similarity = cosine(got.data.subarray(at, at + columns), wanted.data.subarray(at, at + columns));
    worst = Number.isNaN(similarity) ? -1 : Math.min(worst, similarity);
  }
  return worst;
}

/**
 * The first tensor, in the order given, that differs from the reference by more than the tolerance, as a sentence;
 * undefined when all agree.
 */
export function firstDifference(
  got: Readonly<Record<string, NdArray>>,
  golden: ReadonlyMap<string, NdArray>,
  names: readonly string[],
  tolerance: number,
): string | undefined {
  for (const name of names) {
    const expected = golden.get(name);
    const ours = got[name];
    if (!expected || !ours) return `${name} is missing`;
    const error = relativeError(ours.data, expected.data);
    if (!(error <= tolerance)) return `${name} differs first: ${error.toExponential(2)} of its largest value`;
  }
  return;
}
