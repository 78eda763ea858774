// The option `checkFinite`: what a run leaves on the GPU is read back too, and looked at. Loaded where it is asked for.
import type { Device } from "../device/device.ts";
import type { Executor } from "../graph/executor.ts";
import { firstNonFinite } from "../graph/finite.ts";
import type { Part } from "../models/part.ts";
import type { NonFinite } from "./planCache.ts";

/**
 * Reads the outputs of what was just encoded, before anything else is submitted, and rejects with the error for the
 * first that holds NaN or infinity. What a run reads back by itself it looks at by itself.
 */
export async function checkOutputs(
  device: Device,
  parts: readonly Part[],
  executors: readonly Executor[],
  nonFinite: NonFinite,
): Promise<void> {
  const outputs = executors.flatMap((executor, i) => {
    return executor.takeEncoded().map(([output, tensor]) => ({ part: parts[i] as Part, output, tensor }));
  });
  const bytes = await Promise.all(outputs.map(({ tensor }) => device.read(tensor)));
  for (const [i, { part, output, tensor }] of outputs.entries()) {
    const at = firstNonFinite(tensor.dtype, bytes[i] as ArrayBuffer);
    if (at >= 0) throw await nonFinite({ part, output, inputs: {} });
  }
}
