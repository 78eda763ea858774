// Copies a graph value by value and lets a rule put something better in an operation's place.
import { Graph, type Inputs, type NodeOf, reachable, type Value } from "../graph.ts";

/** An operation about to be copied: its inputs are already values of the new graph. */
export interface Candidate extends NodeOf<"op"> {
  readonly graph: Graph;
  /** How many readers a value of the new graph has so far promised; 1 means that only this operation reads it. */
  readonly users: (value: Value) => number;
}

/** Gives the value to put in place of the operation, or undefined to copy it as it is. */
export type Rule = (op: Candidate) => Value | undefined;

/** A new graph with the same inputs and outputs; what no output needs is dropped. */
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
  for (const [name, value] of graph.outputs) next.output(name, copy(value));
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
      return next.input(node.name, { dtype, shape });
    case "weight":
      return next.weight(node.name, { dtype, shape }, node.rows);
    case "constant":
      return next.constant({ dtype, shape }, node.data);
    case "view":
      return next.view(copy(node.of), shape);
    case "op": {
      const entries = Object.entries(node.inputs).map(([name, input]) => [name, input && copy(input)] as const);
      const inputs: Inputs = Object.fromEntries(entries);
      for (const rule of rules) {
        const better = rule({ ...node, inputs, graph: next, users });
        if (better) return better;
      }
      return next.add(node.kernel, inputs, node.params);
    }
  }
}

/** Readers of each value, an output of the graph being one more. */
function countUsers(graph: Graph): Map<Value, number> {
  const counts = new Map<Value, number>();
  const count = (value: Value) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of reachable(graph)) {
    if (value.node.kind === "view") count(value.node.of);
    if (value.node.kind !== "op") continue;
    for (const input of Object.values(value.node.inputs)) if (input) count(input);
  }
  for (const value of graph.outputs.values()) count(value);
  return counts;
}
