// Proof on the user's own adapter: every kernel against its float64 reference.
import type { Device } from "../device/device.ts";
import * as suites from "../verify/index.ts";
import { caseLabel, runCase } from "../verify/run.ts";
import type { KernelSuite } from "../verify/suite.ts";

/** The cases of one kernel in one type, or one output of a checkpoint. */
export interface Verification {
  /** The kernel, or the output of a checkpoint. */
  readonly name: string;
  /** Absent where nothing is computed on the GPU. */
  readonly dtype?: "f32" | "f16";
  /** How many were compared. */
  readonly cases: number;
  /** Largest error, as a share of the largest absolute value (of 1 where that is smaller: kernels). */
  readonly error: number;
  /** Largest error that is allowed. */
  readonly tolerance: number;
  /** Cases that failed, and why; none when all is well. */
  readonly failures: readonly string[];
}

/** What to verify. */
export interface VerifyOptions {
  /** Kernels to run; all when absent. */
  readonly kernels?: readonly string[];
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
}

export type DType = "f32" | "f16";

const SUITES: readonly KernelSuite[] = Object.values(suites);

/** Names of all kernels. */
export const KERNELS: readonly string[] = SUITES.map(({ kernel }) => kernel.name);

/** Runs the cases of every kernel in each type that the device has, and gives each result when it is there. */
export async function* verifyKernels(device: Device, options: VerifyOptions = {}): AsyncGenerator<Verification> {
  const { kernels = KERNELS, signal } = options;
  for (const suite of SUITES.filter(({ kernel }) => kernels.includes(kernel.name))) {
    for (const dtype of dtypesOf(device)) {
      const result = await verifySuite(device, suite, dtype, signal);
      if (result.cases > 0) yield result;
    }
  }
}

export function dtypesOf(device: Device): DType[] {
  return device.hasF16 ? ["f32", "f16"] : ["f32"];
}

async function verifySuite(
  device: Device,
  suite: KernelSuite,
  dtype: DType,
  signal?: AbortSignal,
): Promise<Verification> {
  const cases = suite.cases.filter((test) => test.dtypes?.includes(dtype) ?? true);
  const failures: string[] = [];
  let largest = 0;
  for (const test of cases) {
    signal?.throwIfAborted();
    try {
      const { error, passed } = await runCase(device, suite, test, dtype);
      device.check();
      largest = Math.max(largest, error);
      if (!passed) failures.push(`${caseLabel(test)}: error ${error.toExponential(1)}`);
    } catch (error) {
      if (device.lost) throw device.lost;
      largest = Number.POSITIVE_INFINITY;
      failures.push(`${caseLabel(test)}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const tolerance = suite.tolerance[dtype];
  return { name: suite.kernel.name, dtype, cases: cases.length, error: largest, tolerance, failures };
}
