// Times kernels on an adapter: each row is compared with its float64 reference before it is timed and after, and its
// time is put beside the roofline that the same run measures.

import type { Device } from "../../device/device.ts";
import { KernelError } from "../../device/errors.ts";
import { time, type Work } from "../../device/timer.ts";
import { isCpu } from "../../kernels/variants.ts";
import { caseLabel, largestErrorOf, readAll } from "../run.ts";
import { makeInputs, referencesOf } from "../suite.ts";
import type { KernelRow } from "./benchRows.ts";
import { type Prepared, prepare, type Samples, type Spread, sample, spread } from "./measure.ts";
import { type Roofline, rooflineRows, shareOf } from "./roofline.ts";

export interface BenchOptions {
  /** Samples of each row. */
  readonly rounds: number;
  readonly dtype?: "f32" | "f16";
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** A row and what came out. */
interface KernelTiming {
  readonly kernel: string;
  readonly what: string;
  readonly case: string;
  readonly variant: string;
  readonly flops: number;
  readonly bytes: number;
  /** The larger of the errors before and after timing, as a share of max(1, largest value of the reference). */
  readonly error: number;
  readonly tolerance: number;
  /** Least time that the adapter's roofline allows, by the median. */
  readonly ofRoofline: number;
  /** Milliseconds of one dispatch. */
  readonly ms: Spread;
}

export interface KernelBench {
  readonly roofline: Roofline;
  readonly source: Samples["source"];
  readonly kernels: readonly KernelTiming[];
}

/** A row on the device, and the largest error of what its first inputs give. */
interface Ready {
  readonly row: KernelRow;
  readonly prepared: Prepared;
  error(): Promise<number>;
}

// Inputs that take turns.
const SEEDS = [1, 2];

/**
 * Checks every row, then times all of them in turns.
 *
 * @throws KernelError where a result is wrong, before or after: nothing wrong is reported as a time.
 */
export async function benchKernels(
  device: Device,
  rows: readonly KernelRow[],
  { rounds, dtype = "f32", signal, onProgress }: BenchOptions,
): Promise<KernelBench> {
  const { multiplyAdd, copy } = rooflineRows(isCpu(device.info.class));
  const roof = [await prepare(device, multiplyAdd), await prepare(device, copy)];
  const ready: Ready[] = [];
  try {
    const before: number[] = [];
    for (const row of rows) {
      signal?.throwIfAborted();
      onProgress?.(`checking ${row.suite.kernel.name}, ${row.what}`);
      const timedRow = await makeReady(device, row, dtype);
      ready.push(timedRow);
      await time(device, [timedRow.prepared.works[0] as Work]);
      before.push(await checked(timedRow, dtype));
    }
    const onRound = (done: number) => onProgress?.(`round ${done} of ${rounds}`);
    const all = [...roof, ...ready.map(({ prepared }) => prepared)];
    const { ms, source } = await sample(device, all, { rounds, signal, onRound });
    const roofline = rooflineOf(roof, ms);
    const kernels: KernelTiming[] = [];
    for (const [i, timedRow] of ready.entries()) {
      const error = Math.max(before[i] as number, await checked(timedRow, dtype));
      kernels.push(timingOf(timedRow, spread(ms[roof.length + i] as number[]), error, roofline, dtype));
    }
    return { roofline, source, kernels };
  } finally {
    for (const { free } of [...roof, ...ready.map(({ prepared }) => prepared)]) free();
  }
}

/** What was timed in several calls on one adapter, as one: shares are of the best roofline that any of them has. */
export function joinedBenches(benches: readonly KernelBench[]): KernelBench {
  const roofline = {
    gflops: Math.max(...benches.map((bench) => bench.roofline.gflops)),
    gbytes: Math.max(...benches.map((bench) => bench.roofline.gbytes)),
  };
  const kernels = benches.flatMap((bench) => bench.kernels);
  return {
    roofline,
    source: benches[0]?.source ?? "wall",
    kernels: kernels.map((timing) => ({ ...timing, ofRoofline: shareOf(roofline, timing, timing.ms.median) })),
  };
}

async function makeReady(device: Device, row: KernelRow, dtype: "f32" | "f16"): Promise<Ready> {
  const { suite, test, bytes } = row;
  const params = test.params ?? {};
  const inputs = SEEDS.map((seed) => makeInputs(test, dtype, seed));
  const host = Object.fromEntries(Object.entries(inputs[0] ?? {}).map(([name, { host }]) => [name, host]));
  const prepared = await prepare(device, { kernel: suite.kernel, inputs, params, ...(bytes && { bytes }) });
  const expected = referencesOf(suite, host, params);
  const { outputs } = prepared;
  const error = async () => largestErrorOf(outputs, await readAll(device, outputs), expected);
  return { row, prepared, error };
}

async function checked({ row: { suite, what }, error }: Ready, dtype: "f32" | "f16"): Promise<number> {
  const measured = await error();
  const tolerance = suite.tolerance[dtype];
  if (measured <= tolerance) return measured;
  throw new KernelError(`${suite.kernel.name}, ${what}: error ${measured} beyond ${tolerance}, so it is not timed`);
}

function timingOf(
  { row: { suite, what, test }, prepared }: Ready,
  ms: Spread,
  error: number,
  roofline: Roofline,
  dtype: "f32" | "f16",
): KernelTiming {
  const { variant, flops, bytes } = prepared;
  const cost = { variant, flops, bytes, error, tolerance: suite.tolerance[dtype] };
  const ofRoofline = shareOf(roofline, prepared, ms.median);
  return { kernel: suite.kernel.name, what, case: caseLabel(test), ...cost, ofRoofline, ms };
}

/** The best that any sample of the two micro-kernels reached. */
function rooflineOf([fma, copy]: readonly Prepared[], [fmaMs = [], copyMs = []]: Samples["ms"]): Roofline {
  return {
    gflops: (fma?.flops ?? 0) / Math.min(...fmaMs) / 1e6,
    gbytes: (copy?.bytes ?? 0) / Math.min(...copyMs) / 1e6,
  };
}
