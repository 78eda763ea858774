// Variants measured on this adapter before plans are made: those kept from before are used, missing ones measured.
import type { Device } from "../device/device.ts";
import type { Plan } from "../graph/plan.ts";
import { readTuned, writeTuned } from "../io/tuning/tuningCache.ts";
import { type Launched, type Tuned, type TuneOptions, tune } from "../verify/timing/tune.ts";

/** Notes in `device.tuned` the best variants for what these plans launch. */
export async function tunePlans(device: Device, plans: readonly Plan[], options: TuneOptions = {}): Promise<Tuned[]> {
  for (const [key, variant] of Object.entries(await readTuned(device.info))) device.tuned.set(key, variant);
  const choices = await tune(device, plans.flatMap(launchesOf), options);
  if (choices.length)
    await writeTuned(device.info, Object.fromEntries(choices.map(({ key, variant }) => [key, variant])));
  return choices;
}

function launchesOf({ steps }: Plan): Launched[] {
  return steps.flatMap(({ value: { node } }) => {
    return node.kind === "op" ? [{ kernel: node.kernel, inputs: node.inputs, params: node.params }] : [];
  });
}
