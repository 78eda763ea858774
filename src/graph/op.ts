// A kernel as a function that records a node.
import type { Kernel } from "../kernels/kernel.ts";
import type { Inputs, Value } from "./graph.ts";

/** An op takes values by the kernel's input names, and the kernel's parameters. */
type Op<I extends string, O extends I, P extends object> = (
  inputs: Readonly<Record<Exclude<I, O>, Value> & Partial<Record<O, Value | undefined>>>,
  ...params: Partial<P> extends P ? [params?: P] : [params: P]
) => Value;

/** The op of a kernel. Marked `@__PURE__`, a bundler leaves it out where nothing uses it. */
export function op<I extends string, O extends I, P extends object>(kernel: Kernel<I, O, P>): Op<I, O, P> {
  return (inputs, ...[params]) => {
    const values = inputs as Inputs;
    const first = Object.values(values).find((value) => value !== undefined) as Value;
    return first.graph.add(kernel, values, params ?? {});
  };
}
