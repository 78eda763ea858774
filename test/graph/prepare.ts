// Graphs made ready on a device, for the tests beside this file.
import { expect } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { random } from "../../src/device/random.ts";
import type { NdArray, Spec } from "../../src/device/tensor.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { SlotPool } from "../../src/graph/slotPool.ts";
import { WeightStore } from "../../src/graph/store.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";

export const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });

export function numbers(count: number, seed: number): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: count }, () => 2 * next() - 1);
}

export type Weights = Readonly<Record<string, NdArray>>;

/** A graph ready to run, and what gives its memory back. */
export async function prepare(device: Device, build: (graph: Graph) => void, weights: Weights = {}, pool?: SlotPool) {
  const graph = new Graph();
  build(graph);
  const planned = plan(graph, device);
  const stored = Object.entries(weights).map(
    ([name, { data, shape }]) => [name, { dtype: "F32", shape, data }] as const,
  );
  const store = new WeightStore(device, await readSafetensors(writeSafetensors(Object.fromEntries(stored))));
  await store.load(planned.statics.values());
  const executor = await Executor.create(device, planned, store, { pool });
  return {
    executor,
    [Symbol.dispose]() {
      executor.dispose();
      store.dispose();
    },
  };
}

export function expectClose(got: NdArray | undefined, wanted: ArrayLike<number>, tolerance = 1e-5): void {
  expect(got?.data).toHaveLength(wanted.length);
  const worst = Math.max(...Array.from(wanted, (value, i) => Math.abs((got?.data[i] ?? Number.NaN) - value)));
  expect(worst).toBeLessThanOrEqual(tolerance);
}
