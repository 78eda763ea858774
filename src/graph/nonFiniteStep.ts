// The step of a plan where NaN or infinity begins: a run with a look at what each step writes, for when a plain run has
// given such. Buffers are the run's own, as other plans would write into those of a pool in between.
import type { Device } from "../device/device.ts";
import type { HostArray } from "../device/tensor.ts";
import { firstNonFinite } from "./finite.ts";
import type { Plan, Step } from "./plan.ts";
import { encodeDispatch, type PreparedPlan, prepare } from "./preparedPlan.ts";
import { SlotPool } from "./slotPool.ts";
import { weightsOf } from "./statics.ts";
import type { WeightStore } from "./store.ts";

/** Where numbers end. */
export interface NonFiniteStep {
  /** Name of the kernel. */
  readonly kernel: string;
  /** The checkpoint's tensors that it reads; when there are none, those of the last step before that has some. */
  readonly weights: readonly string[];
  /** Whether the step itself reads them. */
  readonly readsWeights: boolean;
}

/**
 * Runs a plan without bound tensors on these inputs; its static values must be in the store. Gives the first step that
 * writes NaN or infinity, or undefined where all of them write numbers.
 */
export async function nonFiniteStep(
  device: Device,
  plan: Plan,
  store: WeightStore,
  inputs: Readonly<Record<string, HostArray>>,
): Promise<NonFiniteStep | undefined> {
  const prepared = await prepare(device, plan, store, new SlotPool(device));
  try {
    for (const [name, { place }] of plan.inputs) {
      const { buffer, byteOffset, byteLength } = inputs[name] as HostArray;
      device.writeBuffer(prepared.bufferAt(place, new Map()), 0, new Uint8Array(buffer, byteOffset, byteLength));
    }
    let weights: readonly string[] = [];
    for (const [i, step] of plan.steps.entries()) {
      const names = weightNames(plan, step);
      if (names.length > 0) weights = names;
      if (await isFiniteStep(device, prepared, step, i)) continue;
      return { kernel: step.kernel.name, weights, readsWeights: names.length > 0 };
    }
    return undefined;
  } finally {
    prepared.free();
  }
}

/** Runs one step, and looks at its results. */
async function isFiniteStep(device: Device, prepared: PreparedPlan, step: Step, i: number): Promise<boolean> {
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encodeDispatch(pass, prepared.dispatches[i] as PreparedPlan["dispatches"][number], new Map());
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
  for (const [output, place] of step.outputs.entries()) {
    const { dtype, shape } = step.value.graph.resultsOf(step.value)[output] ?? step.value;
    const bytes = await device.read({ dtype, shape, buffer: prepared.bufferAt(place, new Map()) });
    if (firstNonFinite(dtype, bytes) >= 0) return false;
  }
  return true;
}

function weightNames({ statics }: Plan, { inputs }: Step): string[] {
  const values = inputs.flatMap((place) => (place && "key" in place ? (statics.get(place.key) ?? []) : []));
  const names = values.flatMap(weightsOf).flatMap(({ node }) => (node.kind === "weight" ? [node.name] : []));
  return [...new Set(names)];
}
