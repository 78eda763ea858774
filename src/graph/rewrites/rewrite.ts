// Copies a graph value by value and lets a rule put something better in an operation's place.
import { baseOf, Graph, type Inputs, type NodeOf, reachable, sources, type Value } from "../graph.ts";

/** An operation about to be copied: its inputs are already values of the new graph. */
export interface Candidate extends NodeOf<"op"> {
  readonly graph: Graph;
  /**
   * How many readers a value of the new graph has so far promised; 1 means that only this operation reads it, and may
   * take over its work: what reads contents of a state that are overwritten later has one reader more, as it must stay
   * before that.
   */
  readonly users: (value: Value) => number;
}

/** Gives the value to put in place of the operation, or undefined to copy it as it is. */
export type Rule = (op: Candidate) => Value | undefined;

/** A new graph with the same inputs, outputs and states; what is not needed for them is dropped. */
export function rewrite(graph: Graph, rules: readonly Rule[]): Graph {
  const next = new Graph();
  const copies = new Map<Value, Value>();
  const counts = countUsers(graph);
  const originals = new Map<Value, Value>();
  const copy = (value: Value) => copies.get(value) as Value;
  const users = (value: Value) => counts.get(originals.get(value) as Value) ?? 0;
  for (const value of reachable(graph)) {
    const replacement = copyNode(next, value, copy, users, rules);
    copies.set(value, replacement);
    originals.set(replacement, value);
  }
  for (const [name, value] of graph.outputs) {
    next.output(name, copy(value), { bound: graph.boundOutputs.has(name) });
  }
  for (const [state, value] of graph.assignments) next.assign(copy(state), copy(value));
  return next;
}

function copyNode(
  next: Graph,
  { node, dtype, shape }: Value,
  copy: (value: Value) => Value,
  users: (value: Value) => number,
  rules: readonly Rule[],
): Value {
  switch (node.kind) {
    case "input":
      return next.input(node.name, { dtype, shape }, { bound: node.isBound });
    case "state":
      return next.state(node.name, { dtype, shape });
    case "weight":
      return next.weight(node.name, { dtype, shape }, node.rows);
    case "constant":
      return next.constant({ dtype, shape }, node.data);
    case "view":
      return next.view(copy(node.of), shape);
    case "result":
      return resultOf(copy(node.of), node.index);
    case "op": {
      const entries = Object.entries(node.inputs).map(([name, input]) => [name, input && copy(input)] as const);
      const inputs: Inputs = Object.fromEntries(entries);
      if (node.into) return next.addInto(node.kernel, copy(node.into), inputs as Record<string, Value>, node.params);
      for (const rule of rules) {
        const better = rule({ ...node, inputs, graph: next, users });
        if (better) return better;
      }
      return next.add(node.kernel, inputs, node.params);
    }
  }
}

function resultOf(first: Value, index: number): Value {
  const result = first.graph.resultsOf(first)[index];
  if (!result) throw new TypeError(`a rewrite put an op without a result ${index} in the place of one that has it`);
  return result;
}

/** Readers of each value, an output of the graph being one more, and the state that a value is assigned to. */
function countUsers(graph: Graph): Map<Value, number> {
  const counts = new Map<Value, number>();
  const count = (value: Value) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of reachable(graph)) {
    for (const source of sources(value)) count(source);
    if (sources(value).some((source) => graph.laterThan(baseOf(source)))) count(value);
  }
  for (const value of graph.outputs.values()) count(value);
  for (const value of graph.assignments.values()) count(value);
  return counts;
}
