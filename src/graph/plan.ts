// A plan is a graph made ready for a device, as data: the dispatches in order, which buffer each reads and writes, and
// what it will cost. Making one needs no GPU, so what a model takes is known before anything is loaded.

import { ArgumentError } from "../device/errors.ts";
import { PipelineCache } from "../device/pipeline.ts";
import { bufferBytes } from "../device/tensor.ts";
import { type AnyKernel, pipelineSource } from "../kernels/kernel.ts";
import type { DeviceTraits, Launch } from "../kernels/launch.ts";
import { Length } from "../kernels/length.ts";
import { baseOf, type Graph, type NodeOf, reachable, type Value } from "./graph.ts";
import { type BoundTensor, checkContents, type Place, place, type StateCopy } from "./placement.ts";
import { fuse } from "./rewrites/fuse.ts";
import { lower } from "./rewrites/lower.ts";
import { isStatic, staticBytes } from "./statics.ts";

/** One dispatch. */
export interface Step {
  readonly kernel: AnyKernel;
  readonly launch: Launch;
  /** In the order of the kernel's inputs; undefined where an optional one is absent. */
  readonly inputs: readonly (Place | undefined)[];
  /** In the order of the kernel's outputs. */
  readonly outputs: readonly Place[];
  /** Its first result. */
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
  /** What lies in buffers of the caller's, or of states: bound inputs and outputs and states, by name. */
  readonly bound: ReadonlyMap<string, BoundTensor>;
  /** Copies into states after the last step. */
  readonly copies: readonly StateCopy[];
  /** Lengths that each run is given, by name. */
  readonly lengths: ReadonlyMap<string, Length>;
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
  /** Bytes of the buffers for activations, inputs and outputs included, but for those that are the caller's. */
  readonly activationBytes: number;
  /** Bytes of what is remembered from run to run. */
  readonly stateBytes: number;
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
  checkContents(graph);
  const rewritten = rewrites.reduce((given, rewrite) => rewrite(given), fuse(graph));
  const lowered = lower(rewritten, device);
  const values = reachable(lowered);
  if (values.length === 0) throw new ArgumentError("the graph has no output: name one with graph.output(name, value)");
  const { slots, liveBytes, bound, copies, placeOf } = place(lowered, values);
  const statics = new Map<string, Value>();
  // Static tensors that only load reads are not the run's.
  const used = (value: Value): Place => {
    const at = placeOf(value);
    if ("key" in at) statics.set(at.key, baseOf(value));
    return at;
  };
  const steps = values.flatMap((value) =>
    value.node.kind === "op" && !isStatic(value) ? makeStep(value, value.node, used, device) : [],
  );
  const named = (entries: Iterable<readonly [string, Value]>) =>
    new Map([...entries].map(([name, value]) => [name, { value, place: used(value) }]));
  for (const value of lowered.assignments.values()) used(value);
  const inputs = values.flatMap((value) => (value.node.kind === "input" ? [[value.node.name, value] as const] : []));
  const contents = {
    steps,
    slots,
    inputs: named(inputs),
    outputs: named(lowered.outputs),
    statics,
    bound,
    copies,
    lengths: lengthsOf(steps),
    liveBytes,
  };
  return { ...contents, summary: () => summarize(contents, values.length) };
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
  const outputs = value.graph.resultsOf(value).map(placeOf);
  return [{ kernel, launch, inputs, outputs, value, flops: kernel.flops(node.inputs, params) }];
}

/** The lengths that launches take from each run. */
function lengthsOf(steps: readonly Step[]): Map<string, Length> {
  const lengths = steps.flatMap(({ launch }) =>
    Object.values(launch.params).filter((param) => param instanceof Length),
  );
  return new Map(lengths.map((length) => [length.name, length]));
}

function summarize(made: Omit<Plan, "summary">, nodes: number): PlanSummary {
  const keys = made.steps.map(({ kernel, launch }) => PipelineCache.key(pipelineSource(kernel, launch)));
  const statics = [...made.statics.values()].map(staticBytes);
  const bound = [...made.bound.values()];
  const states = bound.filter(({ kind }) => kind === "state");
  return {
    nodes,
    dispatches: made.steps.length,
    pipelines: new Set(keys).size,
    flops: made.steps.reduce((sum, { flops }) => sum + flops, 0),
    weightBytes: statics.reduce((a, b) => a + b, 0),
    activationBytes: made.slots.reduce((a, b) => a + b, 0),
    stateBytes: states.reduce((sum, { value }) => sum + bufferBytes(value), 0),
    liveBytes: made.liveBytes,
    largestBufferBytes: Math.max(0, ...made.slots, ...statics, ...bound.map(({ value }) => bufferBytes(value))),
  };
}
