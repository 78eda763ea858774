// A plan is a graph made ready for a device, as data: the dispatches in order, which buffer each reads and writes, and
// what it will cost. Making one needs no GPU, so what a model takes is known before anything is loaded.

import { ArgumentError } from "../device/errors.ts";
import { PipelineCache } from "../device/pipeline.ts";
import { bufferBytes } from "../device/tensor.ts";
import { type AnyKernel, pipelineSource } from "../kernels/kernel.ts";
import type { DeviceTraits, Launch } from "../kernels/launch.ts";
import { baseOf, type Graph, type NodeOf, reachable, type Value } from "./graph.ts";
import { fuse } from "./rewrites/fuse.ts";
import { lower } from "./rewrites/lower.ts";
import { assignSlots, type Lifetime, largestLiveSet } from "./slots.ts";
import { staticBytes, staticKey, staticValues } from "./statics.ts";

/** Where a tensor lies: in a slot of the plan, or among the model's static tensors by key. */
export type Place = { readonly slot: number } | { readonly key: string };

/** One dispatch. */
export interface Step {
  readonly kernel: AnyKernel;
  readonly launch: Launch;
  /** In the order of the kernel's inputs; undefined where an optional one is absent. */
  readonly inputs: readonly (Place | undefined)[];
  readonly output: Place;
  readonly value: Value;
  readonly flops: number;
}

export interface PlannedTensor {
  readonly value: Value;
  readonly place: Place;
}

/** The dispatches of a graph in order, and where each tensor lies. */
export interface Plan {
  /** Dispatches, in order. */
  readonly steps: readonly Step[];
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  /** What a run is given, by name. */
  readonly inputs: ReadonlyMap<string, PlannedTensor>;
  /** What a run gives, by name. */
  readonly outputs: ReadonlyMap<string, PlannedTensor>;
  /** Static values that the steps read, by key. */
  readonly statics: ReadonlyMap<string, Value>;
  /** Bytes of the largest set of tensors alive at once. */
  readonly liveBytes: number;
  /** What it costs. */
  summary(): PlanSummary;
}

/** What a plan costs. */
export interface PlanSummary {
  /** Values of the graph after fusion. */
  readonly nodes: number;
  /** Dispatches of a run. */
  readonly dispatches: number;
  /** Shaders to compile. */
  readonly pipelines: number;
  /** Floating-point operations of a run. */
  readonly flops: number;
  /** Bytes of the weights on the GPU. */
  readonly weightBytes: number;
  /** Bytes of the buffers for activations, inputs and outputs included. */
  readonly activationBytes: number;
  /** Bytes of the largest set of tensors alive at once: the least that activationBytes could be. */
  readonly liveBytes: number;
  /** Bytes of the largest buffer: the device's limits must allow it. */
  readonly largestBufferBytes: number;
}

/** How a plan is made. */
export interface PlanOptions {
  /** After fusion, in order: `quantise` for int8 weights, `winograd` for 3x3 convolutions with less arithmetic. */
  readonly rewrites?: readonly ((graph: Graph) => Graph)[];
}

/**
 * Fuses, orders and places a graph for a device.
 *
 * @example
 * plan(graph, device).summary(); // { dispatches: 94, flops: 8.8e9, … }
 */
export function plan(graph: Graph, device: DeviceTraits, { rewrites = [] }: PlanOptions = {}): Plan {
  if (graph.outputs.size === 0)
    throw new ArgumentError("the graph has no output: name one with graph.output(name, value)");
  const rewritten = rewrites.reduce((given, rewrite) => rewrite(given), fuse(graph));
  const fused = lower(rewritten, device);
  const values = reachable(fused);
  const statics = staticValues(values);
  const moving = values.filter((value) => !statics.has(value) && value.node.kind !== "view");
  const { slotOf, slots, liveBytes } = place(moving, fused);
  const used = new Map<string, Value>();
  const placeOf = (value: Value): Place => {
    const base = baseOf(value);
    if (!statics.has(base)) return { slot: slotOf.get(base) as number };
    const key = staticKey(base);
    used.set(key, base);
    return { key };
  };
  const steps = moving.flatMap((value) =>
    value.node.kind === "op" ? makeStep(value, value.node, placeOf, device) : [],
  );
  const named = (entries: Iterable<readonly [string, Value]>) =>
    new Map([...entries].map(([name, value]) => [name, { value, place: placeOf(value) }]));
  const inputs = moving.flatMap((value) => (value.node.kind === "input" ? [[value.node.name, value] as const] : []));
  const made = {
    steps,
    slots,
    inputs: named(inputs),
    outputs: named(fused.outputs),
    statics: used,
    liveBytes,
  };
  return { ...made, summary: () => summarize(made, values.length) };
}

function makeStep(value: Value, node: NodeOf<"op">, placeOf: (value: Value) => Place, device: DeviceTraits): Step[] {
  const { kernel, params } = node;
  const launch = kernel.launch(node.inputs, params, device);
  // Nothing to do for an empty tensor.
  if (launch.workgroups.some((count) => count === 0)) return [];
  const inputs = kernel.inputs.map((name) => {
    const input = node.inputs[name];
    return input && placeOf(input);
  });
  return [{ kernel, launch, inputs, output: placeOf(value), value, flops: kernel.flops(node.inputs, params) }];
}

/** Slots for everything that a run writes; inputs are written before the first step, outputs read after the last. */
function place(moving: readonly Value[], graph: Graph) {
  const stepOf = new Map(moving.map((value, step) => [value, value.node.kind === "input" ? -1 : step]));
  const last = new Map(stepOf);
  for (const value of moving) {
    if (value.node.kind !== "op") continue;
    for (const input of Object.values(value.node.inputs)) {
      const base = input && baseOf(input);
      if (base && last.has(base)) last.set(base, stepOf.get(value) as number);
    }
  }
  for (const value of graph.outputs.values()) last.set(baseOf(value), moving.length);
  const lifetimes: Lifetime[] = moving.map((value) => ({
    bytes: bufferBytes(value),
    first: stepOf.get(value) as number,
    last: last.get(value) as number,
  }));
  const { sizes, of } = assignSlots(lifetimes);
  return {
    slots: sizes,
    slotOf: new Map(moving.map((value, i) => [value, of[i] as number])),
    liveBytes: largestLiveSet(lifetimes),
  };
}

function summarize(made: Omit<Plan, "summary">, nodes: number): PlanSummary {
  const keys = made.steps.map(({ kernel, launch }) => PipelineCache.key(pipelineSource(kernel, launch)));
  const statics = [...made.statics.values()].map(staticBytes);
  return {
    nodes,
    dispatches: made.steps.length,
    pipelines: new Set(keys).size,
    flops: made.steps.reduce((sum, { flops }) => sum + flops, 0),
    weightBytes: statics.reduce((a, b) => a + b, 0),
    activationBytes: made.slots.reduce((a, b) => a + b, 0),
    liveBytes: made.liveBytes,
    largestBufferBytes: Math.max(0, ...made.slots, ...statics),
  };
}
