// Where a model's time goes: every dispatch timed by itself.
import { openModel } from "../src/check/benchModel.ts";
import { openDevice } from "../src/device/open.ts";
import { random } from "../src/device/random.ts";
import type { ProfiledStep } from "../src/graph/profile.ts";
import { quantile } from "../src/verify/timing/measure.ts";
import { loadModel, MODELS } from "./models.ts";

export interface Layer {
  readonly step: ProfiledStep;
  readonly medianMs: number;
}

export async function benchLayers(name: string, rounds: number, dtype: "f32" | "f16"): Promise<Layer[]> {
  const model = MODELS.find((one) => one.name === name);
  if (!model) throw new RangeError(`no model ${name}; there are ${MODELS.map((one) => one.name).join(", ")}`);
  const { checkpoint, part } = await loadModel(model, dtype, false);
  const { executor, close } = await openModel(() => openDevice(), part);
  try {
    await executor.run(await part.inputs(random(1))); // warms up
    const ms: number[][] = [];
    let steps: readonly ProfiledStep[] = [];
    for (let round = 0; round < rounds; round++) {
      steps = (await executor.profile()).steps;
      steps.forEach((step, i) => {
        (ms[i] ??= []).push(step.ms);
      });
    }
    return steps.map((step, i) => ({ step, medianMs: quantile(ms[i] as number[], 0.5) }));
  } finally {
    close();
    await checkpoint.close();
  }
}
