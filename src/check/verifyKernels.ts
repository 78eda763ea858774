// Proof on the user's own adapter: every kernel against its float64 reference.
import type { Device } from "../device/device.ts";
import type { Spec } from "../device/tensor.ts";
import * as suites from "../verify/index.ts";
import { caseLabel, runCase } from "../verify/run.ts";
import { type KernelCase, type KernelSuite, makeInputs } from "../verify/suite.ts";

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
  /** Every variant that the adapter can run, each by itself, not only the one that it takes. */
  readonly hasVariants?: boolean;
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
}

export type DType = "f32" | "f16";

const SUITES: readonly KernelSuite[] = Object.values(suites);

/** Names of all kernels. */
export const KERNELS: readonly string[] = SUITES.map(({ kernel }) => kernel.name);

/** Runs the cases of every kernel in each type that the device has, and gives each result when it is there. */
export async function* verifyKernels(device: Device, options: VerifyOptions = {}): AsyncGenerator<Verification> {
  const { kernels = KERNELS, hasVariants = false, signal } = options;
  for (const suite of SUITES.filter(({ kernel }) => kernels.includes(kernel.name))) {
    for (const dtype of dtypesOf(device)) {
      const runs = suite.cases.filter((test) => test.dtypes?.includes(dtype) ?? true).map((test) => ({ test }));
      const groups = hasVariants ? byVariant(device, suite, dtype) : new Map([[suite.kernel.name, runs]]);
      for (const [name, group] of groups) {
        if (group.length > 0) yield await verifyRuns(device, suite, name, dtype, group, signal);
      }
    }
  }
}

export function dtypesOf(device: Device): DType[] {
  return device.hasF16 ? ["f32", "f16"] : ["f32"];
}

/** A case, and the variant that runs it where it is not the one that the adapter takes. */
interface Run {
  readonly test: KernelCase;
  readonly variant?: string;
}

/** The cases of a suite by each variant that this device can run them with, by kernel and variant. */
function byVariant(device: Device, { kernel, cases }: KernelSuite, dtype: DType): Map<string, Run[]> {
  const groups = new Map<string, Run[]>();
  for (const test of cases.filter(({ dtypes }) => dtypes?.includes(dtype) ?? true)) {
    const variants = kernel.variants(specsOf(test, dtype), test.params ?? {});
    for (const variant of variants?.names.filter((name) => variants.fits(name, device)) ?? [undefined]) {
      const name = variant ? `${kernel.name}.${variant}` : kernel.name;
      groups.set(name, [...(groups.get(name) ?? []), variant ? { test, variant } : { test }]);
    }
  }
  return groups;
}

function specsOf(test: KernelCase, dtype: DType): Record<string, Spec> {
  return Object.fromEntries(Object.entries(makeInputs(test, dtype)).map(([name, { spec }]) => [name, spec]));
}

async function verifyRuns(
  device: Device,
  suite: KernelSuite,
  name: string,
  dtype: DType,
  runs: readonly Run[],
  signal: AbortSignal | undefined,
): Promise<Verification> {
  const { kernel } = suite;
  const failures: string[] = [];
  let largest = 0;
  for (const { test, variant } of runs) {
    signal?.throwIfAborted();
    const change = variant && (() => kernel.launch(specsOf(test, dtype), test.params ?? {}, device, variant));
    try {
      const { error, passed } = await runCase(device, suite, test, dtype, change || undefined);
      device.check();
      largest = Math.max(largest, error);
      if (!passed) failures.push(`${caseLabel(test)}: error ${error.toExponential(1)}`);
    } catch (error) {
      if (device.lost) throw device.lost;
      largest = Number.POSITIVE_INFINITY;
      failures.push(`${caseLabel(test)}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { name, dtype, cases: runs.length, error: largest, tolerance: suite.tolerance[dtype], failures };
}
