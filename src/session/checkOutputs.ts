// The option `checkFinite`: what a run leaves on the GPU is read back too, and looked at. Loaded where it is asked for.
import type { Device } from "../device/device.ts";
import type { Executor } from "../graph/executor.ts";
import { firstNonFinite } from "../graph/finite.ts";
import type { Part } from "../models/part.ts";
import type { NonFinite } from "./planCache.ts";

/**
 * Work with executors that gives what `work` gives, or rejects with the error for the first output with NaN or infinity
 * among all that it left on the GPU.
 */
export function checking<T>(
  device: Device,
  parts: readonly Part[],
  work: (...executors: Executor[]) => T | Promise<T>,
  nonFinite: NonFinite,
): (...executors: Executor[]) => Promise<T> {
  return async (...executors) => {
    const result = work(...executors);
    const [given] = await Promise.all([result, checkOutputs(device, parts, executors, nonFinite)]);
    return given;
  };
}

/** Reads the outputs of what was just submitted, before anything else is, and looks at them. */
async function checkOutputs(
  device: Device,
  parts: readonly Part[],
  executors: readonly Executor[],
  nonFinite: NonFinite,
): Promise<void> {
  const outputs = executors.flatMap((executor, i) => {
    const bufferOf = executor.takeLatest();
    if (!bufferOf) return [];
    return [...executor.plan.outputs].map(([output, { value }]) => {
      const { dtype, shape } = value;
      return { part: parts[i] as Part, output, dtype, read: device.read({ dtype, shape, buffer: bufferOf(output) }) };
    });
  });
  const bytes = await Promise.all(outputs.map(({ read }) => read));
  for (const [i, { part, output, dtype }] of outputs.entries()) {
    if (firstNonFinite(dtype, bytes[i] as ArrayBuffer) >= 0) throw await nonFinite({ part, output, inputs: {} });
  }
}
