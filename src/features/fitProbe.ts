// The training of a linear probe, loaded where it is asked for: L-BFGS on the host, loss and gradient on the GPU.
import { Device } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import type { ClassLabels } from "./classLabels.ts";
import type { Rows } from "./featureRows.ts";
import { minimize } from "./lbfgs.ts";
import { ProbeObjective } from "./probeObjective.ts";

/** The options of `LinearProbe.fit`, as they are meant. */
interface Settings {
  readonly C: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly device?: Device | GPUDevice;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { iteration: number; loss: number; gradient: number }) => void;
}

/** Coefficients [classes, C], and after them the intercepts [classes]. */
export async function fitProbe(rows: Rows, known: ClassLabels, settings: Settings): Promise<Float64Array> {
  const { C, maxIterations, tolerance, signal, onProgress } = settings;
  return withDevice(settings.device, async (device) => {
    using objective = await ProbeObjective.create(device, rows, known, C);
    return await minimize(
      (x) => {
        signal?.throwIfAborted();
        return objective.evaluate(x);
      },
      new Float64Array(known.classes.length * (rows.channels + 1)),
      {
        maxIterations,
        tolerance,
        onIteration: (iteration, { value, gradient }) => {
          const most = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
          onProgress?.({ iteration, loss: value, gradient: most });
        },
      },
    );
  });
}

async function withDevice<T>(given: Device | GPUDevice | undefined, use: (device: Device) => Promise<T>): Promise<T> {
  if (given) return use(given instanceof Device ? given : Device.from(given));
  using device = await openDevice();
  return await use(device);
}
