// A graph records what is to be computed: values with known shapes, each made by a kernel from others, or given from
// outside (inputs, weights by their name in the checkpoint, constants). Nothing runs and no GPU is needed here.
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { type DType, formatShape, type HostArray, type Shape, type Spec, sameShape, sizeOf } from "../device/tensor.ts";
import type { AnyKernel } from "../kernels/kernel.ts";

export type Inputs = Readonly<Record<string, Value | undefined>>;

/** Where a value comes from. */
export type Node =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "weight"; readonly name: string; readonly rows: readonly [number, number] | undefined }
  | { readonly kind: "constant"; readonly data: HostArray }
  /** The first elements of another value under another shape: no work, no memory. */
  | { readonly kind: "view"; readonly of: Value }
  | { readonly kind: "op"; readonly kernel: AnyKernel; readonly inputs: Inputs; readonly params: object };

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

/** A computation, recorded: values with known shapes, made by ops from others. Nothing runs here. */
export class Graph {
  /** Every value in the order of recording: a value comes after all that it is made from. */
  readonly values: Value[] = [];
  /** Values that a run gives, by name. */
  readonly outputs = new Map<string, Value>();

  /** A tensor that each run is given. */
  input(name: string, spec: Spec): Value {
    const isTaken = this.values.some(({ node }) => node.kind === "input" && node.name === name);
    if (isTaken) throw new ArgumentError(`the graph already has an input "${name}"`);
    return this.#record({ kind: "input", name }, spec);
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

  /** The result of a kernel; throws ShapeError when the inputs do not fit. */
  add(kernel: AnyKernel, inputs: Inputs, params: object): Value {
    return this.#record({ kind: "op", kernel, inputs, params }, kernel.output(inputs, params));
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
    return this.#record({ kind: "view", of }, { dtype: of.dtype, shape });
  }

  /** Names a value that a run gives back. */
  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw new ArgumentError(`the graph already has an output "${name}"`);
    this.outputs.set(name, value);
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
  if (node.kind === "view") return [node.of];
  if (node.kind !== "op") return [];
  return Object.values(node.inputs).filter((value) => value !== undefined);
}

/** The value whose memory a view reads; the value itself when it is no view. */
export function baseOf(value: Value): Value {
  return value.node.kind === "view" ? baseOf(value.node.of) : value;
}

/** What the outputs need, in the order of recording. */
export function reachable(graph: Graph, outputs: Iterable<Value> = graph.outputs.values()): Value[] {
  const needed = new Set<Value>();
  const pending = [...outputs];
  for (let value = pending.pop(); value; value = pending.pop()) {
    if (needed.has(value)) continue;
    needed.add(value);
    pending.push(...sources(value));
  }
  return graph.values.filter((value) => needed.has(value));
}
