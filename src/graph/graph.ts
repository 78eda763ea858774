// A graph records what is to be computed: values with known shapes, each made by a kernel from others, or given from
// outside (inputs, weights by their name in the checkpoint, constants), or remembered from the run before (states).
// Nothing runs and no GPU is needed here.
//
// A state's buffer has contents after contents, and each is a value of its own: the one that a run begins with, and one
// after each `writeRows`. Whoever names the state means its latest contents, so the order of recording is the order of
// effects; a plan keeps to it by reading the earlier value before the later one is written.
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { type DType, formatShape, type HostArray, type Shape, type Spec, sameShape, sizeOf } from "../device/tensor.ts";
import type { AnyKernel } from "../kernels/kernel.ts";
import { Length } from "../kernels/length.ts";

export type Inputs = Readonly<Record<string, Value | undefined>>;

/** Where a value comes from. */
export type Node =
  | { readonly kind: "input"; readonly name: string; readonly isBound: boolean }
  /** What a state holds when a run begins. */
  | { readonly kind: "state"; readonly name: string }
  | { readonly kind: "weight"; readonly name: string; readonly rows: readonly [number, number] | undefined }
  | { readonly kind: "constant"; readonly data: HostArray }
  /** The first elements of another value under another shape: no work, no memory. */
  | { readonly kind: "view"; readonly of: Value }
  | OpNode
  /** A further result of the op that makes a value: the `index`-th of its kernel's outputs. */
  | { readonly kind: "result"; readonly of: Value; readonly index: number };

interface OpNode {
  readonly kind: "op";
  readonly kernel: AnyKernel;
  readonly inputs: Inputs;
  readonly params: object;
  /** The state's contents that it writes a part of, in place; its result is the state's contents then. */
  readonly into?: Value | undefined;
}

/** How an input or an output is placed. */
export interface BoundOption {
  /** It lies in a buffer of the caller's, which each run is given in `bindings`, and is never copied. */
  readonly bound?: boolean;
}

export type NodeOf<K extends Node["kind"]> = Extract<Node, { kind: K }>;

/** A tensor of the graph: its type and shape are known when it is recorded. */
export class Value implements Spec {
  /** Where it was recorded. */
  readonly graph: Graph;
  /** Where it comes from. */
  readonly node: Node;
  /** Type of the elements. */
  readonly dtype: DType;
  /** Length of each axis. */
  readonly shape: Shape;

  constructor(graph: Graph, node: Node, spec: Spec) {
    this.graph = graph;
    this.node = node;
    this.dtype = spec.dtype;
    this.shape = spec.shape;
  }
}

// What i32 holds, so that kernels may count in either type.
const MOST_LENGTH = 2 ** 31 - 1;

/** A computation, recorded: values with known shapes, made by ops from others. Nothing runs here. */
export class Graph {
  /** Every value in the order of recording: a value comes after all that it is made from. */
  readonly values: Value[] = [];
  /** Values that a run gives, by name. */
  readonly outputs = new Map<string, Value>();

  /** What states become when the run ends, by what they hold when it begins. */
  readonly assignments = new Map<Value, Value>();
  /** Names of the outputs that are written into buffers of the caller's. */
  readonly boundOutputs = new Set<string>();
  readonly #inputs = new Set<string>();
  readonly #lengths = new Set<string>();
  /** What runs find in buffers by name: bound inputs and outputs, and states. */
  readonly #bound = new Set<string>();
  /** The contents that follow on earlier contents of a state. */
  readonly #later = new Map<Value, Value>();
  /** All results of an op, by the first. */
  readonly #results = new Map<Value, readonly Value[]>();

  /** A tensor that each run is given: its elements, or with `bound` the caller's buffer that holds them. */
  input(name: string, spec: Spec, { bound = false }: BoundOption = {}): Value {
    if (this.#inputs.has(name)) throw new ArgumentError(`the graph already has an input "${name}"`);
    if (bound) this.#takeBound(name);
    this.#inputs.add(name);
    return this.#record({ kind: "input", name, isBound: bound }, spec);
  }

  /**
   * A tensor that is remembered from run to run, zeros at first. As a value it is what the state holds at this point of
   * the recording: `ops.writeRows` changes that for whatever is recorded later, `assign` for the next run.
   */
  state(name: string, spec: Spec): Value {
    this.#takeBound(name);
    return this.#record({ kind: "state", name }, spec);
  }

  /**
   * Records a kernel that writes into a state when the run comes to it (`ops.writeRows`). Gives the state with that in
   * it, which the state itself means too from here on.
   */
  addInto(kernel: AnyKernel, state: Value, inputs: Readonly<Record<string, Value>>, params: object): Value {
    const into = this.#current(state);
    const { name, isAssigned } = this.#stateOf(kernel.name, state);
    if (isAssigned) {
      throw new ArgumentError(`[${kernel.name}] state "${name}" is assigned already: write rows before that`);
    }
    const sources = Object.entries(inputs).map(([input, value]) => [input, this.#current(value)] as const);
    for (const [input, source] of sources) {
      if (baseOf(source) === into) {
        throw new ArgumentError(
          `[${kernel.name}] the ${input} are those of state "${name}" itself: a kernel cannot read and write it`,
        );
      }
      if (source.dtype !== into.dtype) {
        throw new ShapeError(
          `[${kernel.name}] ${input} has dtype ${source.dtype}, expected ${into.dtype} (dtype of "${name}")`,
        );
      }
    }
    const node: OpNode = { kind: "op", kernel, inputs: Object.fromEntries(sources), params, into };
    const written = this.#record(node, kernel.outputSpecs(node.inputs, params)[0] as Spec);
    this.#results.set(written, [written]);
    this.#later.set(into, written);
    return written;
  }

  /**
   * Makes a value of the state's shape what the state holds when the run ends. Whatever reads the state in this run
   * reads what it held until then, also when it is recorded later.
   */
  assign(state: Value, value: Value): void {
    const { name, initial, isAssigned } = this.#stateOf("assign", state);
    if (isAssigned) throw new ArgumentError(`[assign] state "${name}" is assigned already`);
    if (state.dtype !== value.dtype || !sameShape(state.shape, value.shape)) {
      const [got, expected] = [value, state].map(({ dtype, shape }) => `${formatShape(shape)} ${dtype}`);
      throw new ShapeError(`[assign] the value is ${got}, expected ${expected} (state "${name}")`);
    }
    this.assignments.set(initial, this.#current(value));
  }

  /** A length that each run gives, from 0 to `most`: a parameter of kernels that say so. */
  length(name: string, most: number): Length {
    if (this.#lengths.has(name)) throw new ArgumentError(`the graph already has a length "${name}"`);
    if (!Number.isInteger(most) || most < 0 || most > MOST_LENGTH) {
      throw new ArgumentError(`length "${name}" is at most ${most}, expected a whole number from 0 to ${MOST_LENGTH}`);
    }
    this.#lengths.add(name);
    return new Length(name, most);
  }

  /** A tensor of the checkpoint, or some rows of it (along the first axis), in the type that the graph computes in. */
  weight(name: string, spec: Spec, rows?: readonly [number, number]): Value {
    return this.#record({ kind: "weight", name, rows }, spec);
  }

  /** Elements known now (half-precision bits as Uint16Array). */
  constant(spec: Spec, data: HostArray): Value {
    if (data.length !== sizeOf(spec.shape)) {
      throw new ShapeError(
        `a constant ${formatShape(spec.shape)} takes ${sizeOf(spec.shape)} elements, got ${data.length}`,
      );
    }
    return this.#record({ kind: "constant", data }, spec);
  }

  /** The result of a kernel, the first where it has several; throws ShapeError when the inputs do not fit. */
  add(kernel: AnyKernel, inputs: Inputs, params: object): Value {
    const current = Object.entries(inputs).map(([name, value]) => [name, value && this.#current(value)] as const);
    const node: OpNode = { kind: "op", kernel, inputs: Object.fromEntries(current), params };
    const [spec, ...further] = kernel.outputSpecs(node.inputs, params);
    const first = this.#record(node, spec as Spec);
    const others = further.map((other, i) => this.#record({ kind: "result", of: first, index: i + 1 }, other));
    this.#results.set(first, [first, ...others]);
    return first;
  }

  /** All results of the kernel that makes a value, in the order of its outputs, by the first of them. */
  resultsOf(first: Value): readonly Value[] {
    return this.#results.get(first) ?? [];
  }

  /** Contents that a state has after these; undefined for its latest ones. */
  laterThan(contents: Value): Value | undefined {
    return this.#later.get(contents);
  }

  /** The same elements under another shape. */
  reshape(of: Value, shape: Shape): Value {
    if (sameShape(of.shape, shape)) return of;
    if (sizeOf(of.shape) !== sizeOf(shape)) {
      throw new ShapeError(
        `[reshape] ${formatShape(of.shape)} has another number of elements than ${formatShape(shape)}`,
      );
    }
    return this.view(of, shape);
  }

  /** The first rows along the first axis. */
  firstRows(of: Value, rows: number): Value {
    const [all = 0, ...rest] = of.shape;
    if (rows === all) return of;
    if (rows > all) throw new ShapeError(`[firstRows] ${formatShape(of.shape)} has fewer than ${rows} rows`);
    return this.view(of, [rows, ...rest]);
  }

  /** The first elements under another shape. */
  view(of: Value, shape: Shape): Value {
    if (sizeOf(shape) > sizeOf(of.shape)) {
      throw new ShapeError(`[view] ${formatShape(of.shape)} has fewer elements than ${formatShape(shape)}`);
    }
    return this.#record({ kind: "view", of: this.#current(of) }, { dtype: of.dtype, shape });
  }

  /** Names a value that a run gives back, or with `bound` writes into a buffer of the caller's. */
  output(name: string, value: Value, { bound = false }: BoundOption = {}): void {
    if (this.outputs.has(name)) throw new ArgumentError(`the graph already has an output "${name}"`);
    if (bound) {
      this.#takeBound(name);
      this.boundOutputs.add(name);
    }
    this.outputs.set(name, this.#current(value));
  }

  #takeBound(name: string): void {
    if (this.#bound.has(name)) {
      throw new ArgumentError(`the graph already has a state, a bound input or a bound output "${name}"`);
    }
    this.#bound.add(name);
  }

  /** The same view of what the state holds by now; any other value as it is. */
  #current(value: Value): Value {
    const base = baseOf(value);
    let latest = base;
    for (let next = this.#later.get(latest); next; next = this.#later.get(latest)) latest = next;
    if (latest === base) return value;
    return sameShape(latest.shape, value.shape) ? latest : this.view(latest, value.shape);
  }

  /** The state whose contents a value is. */
  #stateOf(op: string, contents: Value) {
    const initial = stateOf(contents);
    if (initial?.node.kind !== "state") {
      throw new ArgumentError(`[${op}] takes a state of the graph, from graph.state(name, spec)`);
    }
    return { name: initial.node.name, initial, isAssigned: this.assignments.has(initial) };
  }

  #record(node: Node, spec: Spec): Value {
    if (!spec.shape.every((size) => Number.isInteger(size) && size >= 0)) {
      const name = node.kind === "op" ? node.kernel.name : node.kind;
      throw new ShapeError(`[${name}] ${formatShape(spec.shape)} is not a shape: expected whole numbers from 0`);
    }
    const value = new Value(this, node, spec);
    this.values.push(value);
    return value;
  }
}

/** The values that a node reads. */
export function sources({ node }: Value): Value[] {
  if (node.kind === "view" || node.kind === "result") return [node.of];
  if (node.kind !== "op") return [];
  return [...Object.values(node.inputs), node.into].filter((value) => value !== undefined);
}

/** What the state whose contents a value is holds when a run begins; undefined for every other value. */
export function stateOf(value: Value): Value | undefined {
  const { node } = value;
  if (node.kind === "state") return value;
  return node.kind === "op" && node.into ? stateOf(node.into) : undefined;
}

/** The value whose memory a view reads; the value itself when it is no view. */
export function baseOf(value: Value): Value {
  return value.node.kind === "view" ? baseOf(value.node.of) : value;
}

/** What runs are for: the outputs, what states become, and the rows that are written into them. */
function* effects(graph: Graph): Generator<Value> {
  yield* graph.outputs.values();
  yield* graph.assignments.keys();
  yield* graph.assignments.values();
  yield* graph.values.filter(({ node }) => node.kind === "op" && node.into);
}

/** What the outputs and the changes of states need, in the order of recording; an op with all its results. */
export function reachable(graph: Graph, wanted: Iterable<Value> = effects(graph)): Value[] {
  const needed = new Set<Value>();
  const pending = [...wanted];
  for (let value = pending.pop(); value; value = pending.pop()) {
    if (needed.has(value)) continue;
    needed.add(value);
    pending.push(...sources(value), ...graph.resultsOf(value));
  }
  return graph.values.filter((value) => needed.has(value));
}
