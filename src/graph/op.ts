// A kernel as a function that records a node.
import type { Kernel } from "../kernels/kernel.ts";
import type { Inputs, Value } from "./graph.ts";

/** A kernel's one result, or its results by name. */
type Results<N extends string> = "output" extends N ? Value : Readonly<Record<N, Value>>;

/** An op takes values by the kernel's input names, and the kernel's parameters. */
type Op<I extends string, O extends I, P extends object, N extends string> = (
  inputs: Readonly<Record<Exclude<I, O>, Value> & Partial<Record<O, Value | undefined>>>,
  ...params: Partial<P> extends P ? [params?: P] : [params: P]
) => Results<N>;

/** The op of a kernel. Marked `@__PURE__`, a bundler leaves it out where nothing uses it. */
export function op<I extends string, O extends I, P extends object, N extends string>(
  kernel: Kernel<I, O, P, N>,
): Op<I, O, P, N> {
  return (inputs, ...[params]) => {
    const values = inputs as Inputs;
    const first = Object.values(values).find((value) => value !== undefined) as Value;
    const result = first.graph.add(kernel, values, params ?? {});
    if (kernel.outputs.length === 1) return result as Results<N>;
    const results = first.graph.resultsOf(result).map((value, i) => [kernel.outputs[i], value] as const);
    return Object.fromEntries(results) as Results<N>;
  };
}
