// The option `checkFinite`: what a run leaves on the GPU is read back too, and looked at. Loaded where it is asked for.
import type { Executor } from "../graph/executor.ts";
import { firstNonFinite } from "../graph/finite.ts";
import type { Part } from "../models/part.ts";
import type { Live } from "./planCache.ts";

/**
 * Work with executors that gives what `work` gives, or rejects with the error for the first output with NaN or infinity
 * among all that it left on the GPU.
 */
export function checking<T>(
  live: Live,
  parts: readonly Part[],
  work: (...executors: Executor[]) => T | Promise<T>,
): (...executors: Executor[]) => Promise<T> {
  return async (...executors) => {
    const result = work(...executors);
    const [given] = await Promise.all([result, checkOutputs(live, parts, executors)]);
    return given;
  };
}

/** Reads the outputs of what was just submitted, before anything else is, and looks at them. */
async function checkOutputs(
  { device, plans }: Live,
  parts: readonly Part[],
  executors: readonly Executor[],
): Promise<void> {
  const outputs = executors.flatMap((executor, i) => {
    const { latestBuffer } = executor;
    if (!latestBuffer) return [];
    executor.latestBuffer = undefined; // of each run once
    return [...executor.plan.outputs].map(([output, { value }]) => {
      const { dtype, shape } = value;
      return {
        part: parts[i] as Part,
        output,
        dtype,
        read: device.read({ dtype, shape, buffer: latestBuffer(output) }),
      };
    });
  });
  const bytes = await Promise.all(outputs.map(({ read }) => read));
  for (const [i, { part, output, dtype }] of outputs.entries()) {
    if (firstNonFinite(dtype, bytes[i] as ArrayBuffer) >= 0) throw await plans.nonFinite({ part, output, inputs: {} });
  }
}
