// Where each tensor of a plan lies: in a slot that others use before and after it, among the model's static tensors, or
// in a buffer that has a name: the caller's for bound inputs and outputs, and a state's.
import { USAGE } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { bufferBytes, byteLength } from "../device/tensor.ts";
import { baseOf, type Graph, type NodeOf, stateOf, type Value } from "./graph.ts";
import { assignSlots, type Lifetime, largestLiveSet } from "./slots.ts";
import { staticKey, staticValues } from "./statics.ts";

/** A slot of the plan, a static tensor of the model by its key, or a buffer that each run has by its name. */
export type Place = { readonly slot: number } | { readonly key: string } | { readonly bound: string };

/** A tensor in a buffer that is no slot of the plan. */
export interface BoundTensor {
  readonly kind: "input" | "output" | "state";
  readonly value: Value;
  /** Whether a run changes it. */
  readonly isWritten: boolean;
  /** WebGPU's usages that its buffer needs. */
  readonly usage: number;
}

/** A copy after the pass, of a value that a state becomes. */
export interface StateCopy {
  readonly from: Place;
  /** The state's name. */
  readonly to: string;
  /** Whole words. */
  readonly bytes: number;
}

export interface Placement {
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  /** Bytes of the largest set of tensors alive at once. */
  readonly liveBytes: number;
  readonly bound: ReadonlyMap<string, BoundTensor>;
  readonly copies: readonly StateCopy[];
  placeOf(value: Value): Place;
}

/** Places the values of a graph that its effects need, in the order in which they are computed. */
export function place(graph: Graph, values: readonly Value[]): Placement {
  const statics = staticValues(values);
  const moving = values.filter((value) => !statics.has(value) && value.node.kind !== "view");
  const order = new Order(graph, moving);
  order.checkStates();
  const bound = namedBuffers(graph, moving, statics, order);
  const ofSlots = moving.filter((value) => !bound.has(value));
  const lifetimes: Lifetime[] = ofSlots.map((value) => ({
    bytes: bufferBytes(value),
    first: order.stepOf(value),
    last: order.lastRead(value),
  }));
  const { sizes, of } = assignSlots(lifetimes);
  const slotOf = new Map(ofSlots.map((value, i) => [value, of[i] as number]));
  const placeOf = (value: Value): Place => {
    const base = baseOf(value);
    if (statics.has(base)) return { key: staticKey(base) };
    const name = bound.get(base);
    return name === undefined ? { slot: slotOf.get(base) as number } : { bound: name };
  };
  const copies = [...graph.assignments].flatMap(([state, value]): StateCopy[] => {
    const [from, to] = [placeOf(value), (state.node as NodeOf<"state">).name];
    const isThere = "bound" in from && from.bound === to;
    return isThere ? [] : [{ from, to, bytes: Math.ceil(byteLength(value) / 4) * 4 }];
  });
  const tensors = boundTensors(graph, moving, copies, placeOf);
  return { slots: sizes, liveBytes: largestLiveSet(lifetimes), bound: tensors, copies, placeOf };
}

/** When values are written and read: steps are places among the values that a run computes. */
class Order {
  readonly #moving: readonly Value[];
  readonly #steps: ReadonlyMap<Value, number>;
  readonly #lastRead = new Map<Value, number>();

  constructor(graph: Graph, moving: readonly Value[]) {
    this.#moving = moving;
    this.#steps = new Map(moving.map((value, step) => [value, step]));
    for (const value of moving) {
      if (value.node.kind !== "op") continue;
      for (const input of Object.values(value.node.inputs)) {
        if (input) this.#lastRead.set(baseOf(input), this.stepOf(value));
      }
    }
    // Outputs are read after the last step, and so is what a state becomes.
    const atEnd = [...graph.outputs.values(), ...graph.assignments.values()];
    for (const value of atEnd) this.#lastRead.set(baseOf(value), moving.length);
  }

  /** The step that writes a value: -1 for what is there before the first. */
  stepOf(value: Value): number {
    const { node } = value;
    if (node.kind === "result") return this.stepOf(node.of);
    return node.kind === "op" ? (this.#steps.get(value) ?? -1) : -1;
  }

  /** The last step that reads a value, or the one that writes it where none does. */
  lastRead(value: Value): number {
    return this.#lastRead.get(value) ?? this.stepOf(value);
  }

  /** The last step that reads a state's buffer or writes rows into it. */
  lastUse(state: Value): number {
    const contents = this.#moving.filter((value) => stateOf(value) === state);
    return Math.max(-1, ...contents.map((value) => this.lastRead(value)));
  }

  /** Throws where a step reads contents of a state after they were overwritten. */
  checkStates(): void {
    for (const value of this.#moving) {
      const { node } = value;
      if (node.kind !== "op" || !node.into || this.lastRead(node.into) < this.stepOf(value)) continue;
      throw new TypeError(`a rewrite made a step read ${nameOf(value)} after the rows that it was recorded before`);
    }
  }
}

/** Throws where contents of a state are wanted at the end of a run that overwrites them. */
export function checkContents(graph: Graph): void {
  const isOverwritten = (value: Value) => {
    const state = stateOf(value);
    return state !== undefined && (graph.laterThan(value) !== undefined || graph.assignments.has(state));
  };
  for (const [name, value] of graph.outputs) {
    if (!isOverwritten(baseOf(value))) continue;
    throw new ArgumentError(`output "${name}" is ${nameOf(baseOf(value))} as it was before this run changed it`);
  }
  for (const [state, value] of graph.assignments) {
    if (!isOverwritten(baseOf(value))) continue;
    const what = `${nameOf(baseOf(value))}, which this run changes`;
    throw new ArgumentError(`${nameOf(state)} is assigned ${what}: assign what a kernel makes of it`);
  }
}

function nameOf(contents: Value): string {
  const state = stateOf(contents);
  return `state "${state?.node.kind === "state" ? state.node.name : ""}"`;
}

/** The names of the buffers in which values lie that are in no slot. */
function namedBuffers(graph: Graph, moving: readonly Value[], statics: ReadonlySet<Value>, order: Order) {
  const bound = new Map<Value, string>();
  for (const value of moving) {
    const { node } = stateOf(value) ?? value;
    if (node.kind === "state" || (node.kind === "input" && node.isBound)) bound.set(value, node.name);
  }
  const outputs = [...graph.outputs].map(([name, value]) => [name, baseOf(value)] as const);
  for (const name of graph.boundOutputs) {
    const value = graph.outputs.get(name) as Value;
    checkBoundOutput(name, value, statics);
    const base = baseOf(value);
    const other = outputs.find(([otherName, otherBase]) => otherBase === base && otherName !== name);
    if (other) throw new ArgumentError(`output "${name}" cannot be bound: output "${other[0]}" is the same tensor`);
    bound.set(base, name);
  }
  for (const [state, value] of graph.assignments) {
    const base = baseOf(value);
    const isMadeHere = order.stepOf(base) >= 0 && !bound.has(base) && byteLength(base) === byteLength(value);
    const isOutput = outputs.some(([, output]) => output === base);
    // The kernel that makes the value writes the state's buffer when nothing reads or writes that any more.
    if (isMadeHere && !isOutput && order.lastUse(state) < order.stepOf(base)) {
      bound.set(base, (state.node as NodeOf<"state">).name);
    }
  }
  return bound;
}

/** Throws unless a kernel of the run can write the output into a buffer of the caller's. */
function checkBoundOutput(name: string, value: Value, statics: ReadonlySet<Value>): void {
  const base = baseOf(value);
  const fail = (why: string): never => {
    throw new ArgumentError(`output "${name}" cannot be bound: ${why}`);
  };
  if (statics.has(base)) fail("no run computes it, as it is made of weights and constants alone");
  if (base.node.kind === "input") fail(`it is input "${base.node.name}"`);
  if (stateOf(base)) fail(`it is ${nameOf(base)}, which has a buffer: bind one to that`);
  if (byteLength(base) !== byteLength(value)) fail("it is a view of the first part of a larger tensor");
}

function boundTensors(
  graph: Graph,
  moving: readonly Value[],
  copies: readonly StateCopy[],
  placeOf: (value: Value) => Place,
): Map<string, BoundTensor> {
  const copied = [...copies.map(({ from }) => from), ...unboundOutputs(graph).map(placeOf)];
  const isCopied = (name: string) => copied.some((from) => "bound" in from && from.bound === name);
  const tensor = (kind: BoundTensor["kind"], name: string, value: Value, isWritten: boolean): BoundTensor => {
    const [from, to] = [isCopied(name), copies.some((copy) => copy.to === name)];
    return { kind, value, isWritten, usage: USAGE.STORAGE | (from ? USAGE.COPY_SRC : 0) | (to ? USAGE.COPY_DST : 0) };
  };
  const tensors = new Map<string, BoundTensor>();
  for (const value of moving) {
    const { node } = value;
    if (node.kind === "input" && node.isBound) tensors.set(node.name, tensor("input", node.name, value, false));
    if (node.kind !== "state") continue;
    const isWritten = graph.assignments.has(value) || graph.laterThan(value) !== undefined;
    tensors.set(node.name, tensor("state", node.name, value, isWritten));
  }
  for (const name of graph.boundOutputs) {
    tensors.set(name, tensor("output", name, graph.outputs.get(name) as Value, true));
  }
  return tensors;
}

/** Outputs that are copied to the host. */
function unboundOutputs(graph: Graph): Value[] {
  return [...graph.outputs].flatMap(([name, value]) => (graph.boundOutputs.has(name) ? [] : [value]));
}
