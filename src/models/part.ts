// A part of a model: a named computation, what it is given, and how it is recorded into a graph. Everything that its
// recording depends on, besides the checkpoint, is in its settings, which are plain data. So equal settings mean equal
// graphs, and what stands for a part among kept plans (its key) is derived and never written by hand.
import { ArgumentError } from "../device/errors.ts";
import type { Spec } from "../device/tensor.ts";
import { type BoundOption, Graph, type Value } from "../graph/graph.ts";
import type { Weights } from "./weights.ts";

/** Values by name. */
type Values<Name extends string> = Readonly<Record<Name, Value>>;

/** An input: with `bound` each run is given a buffer that holds it. */
export type InputSpec = Spec & BoundOption;

/** A computation of a model for certain sizes. */
export interface Part<Input extends string = string, Output extends string = string> {
  /** Whose it is and what it does: "clip image". */
  readonly name: string;
  /** Name and settings as text: parts with equal keys record equal graphs on one checkpoint. */
  readonly key: string;
  /** What a run is given. */
  readonly inputs: Readonly<Record<Input, InputSpec>>;
  /** Outputs that are written into buffers which each run is given. */
  readonly boundOutputs: readonly Output[];
  /** Records it on these inputs, with the weights of a checkpoint, and gives what a run gives. */
  record(inputs: Values<Input>, weights: Weights): Values<Output>;
}

/** How parts of a kind are made from their settings. */
export interface PartDefinition<Settings extends object, Input extends string, Output extends string> {
  readonly name: string;
  readonly inputs: (settings: Settings) => Readonly<Record<Input, InputSpec>>;
  /** A function of its arguments alone: what it would take from elsewhere belongs into the settings. */
  readonly record: (inputs: Values<Input>, weights: Weights, settings: Settings) => Values<Output>;
  /** None when absent. */
  readonly boundOutputs?: (settings: Settings) => readonly Output[];
}

/**
 * Defines a kind of parts: gives the function from settings to a part.
 *
 * @example
 * const double = definePart({
 *   name: "double",
 *   inputs: ({ length }: { length: number }) => ({ x: { dtype: "f32", shape: [length] } }),
 *   record: ({ x }) => ({ y: ops.binary({ a: x, b: x }, { op: "add" }) }),
 * });
 * double({ length: 4 }).key; // 'double {"length":4}'
 */
export function definePart<Settings extends object, Input extends string, Output extends string>(
  definition: PartDefinition<Settings, Input, Output>,
): (settings: Settings) => Part<Input, Output> {
  const { name, inputs, record, boundOutputs = () => [] } = definition;
  return (settings) => ({
    name,
    key: `${name} ${describe(settings)}`,
    inputs: inputs(settings),
    boundOutputs: boundOutputs(settings),
    record: (values, weights) => record(values, weights, settings),
  });
}

/** The graph of a part; `weightsOf` gives the checkpoint's tensors as values of that graph. */
export function graphOf(part: Part, weightsOf: (graph: Graph) => Weights): Graph {
  const graph = new Graph();
  const inputs = Object.entries<InputSpec>(part.inputs).map(([name, spec]) => [name, graph.input(name, spec, spec)]);
  const outputs = part.record(Object.fromEntries(inputs), weightsOf(graph));
  for (const [name, value] of Object.entries(outputs)) {
    graph.output(name, value, { bound: part.boundOutputs.includes(name) });
  }
  return graph;
}

/** Plain data as text: names in order, numbers that JSON lacks by their names; throws ArgumentError for all else. */
function describe(data: unknown): string {
  if (data === null || data === undefined) return String(data);
  if (typeof data === "number") return Object.is(data, -0) ? "-0" : String(data);
  if (typeof data === "string" || typeof data === "boolean") return JSON.stringify(data);
  if (Array.isArray(data)) return `[${data.map(describe).join()}]`;
  if (typeof data === "object" && Object.getPrototypeOf(data) === Object.prototype) {
    const entries = Object.entries(data).filter(([, value]) => value !== undefined);
    const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${describe(value)}`).join()}}`;
  }
  throw new ArgumentError(`the settings of a part are plain data, got ${Object.prototype.toString.call(data)}`);
}
