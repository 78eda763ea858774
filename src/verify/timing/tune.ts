// Chooses variants by measuring them on the adapter at hand: for each launch of a plan those in the kernel's table that
// suit it take turns, the results are compared, and the fastest one is noted. Bounded in time, dearest launches first.
import type { Device } from "../../device/device.ts";
import { random } from "../../device/random.ts";
import { type DType, type HostArray, type Spec, sizeOf } from "../../device/tensor.ts";
import { type AnyKernel, launchKey } from "../../kernels/kernel.ts";
import { largestError, readAll } from "../run.ts";
import { toDevice } from "../suite.ts";
import { type Prepared, prepare, quantile, sample, type TimedInputs } from "./measure.ts";

/** A kernel and what it is launched on. */
export interface Launched {
  readonly kernel: AnyKernel;
  readonly inputs: Readonly<Record<string, Spec | undefined>>;
  readonly params: object;
}

export interface TuneOptions {
  /** No launch is begun after this; 5 when absent. */
  readonly seconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

/** What was measured of one launch. */
export interface Tuned {
  readonly key: string;
  readonly kernel: string;
  readonly variant: string;
  /** Milliseconds of each variant that gave the right result, the one taken without tuning first. */
  readonly ms: Readonly<Record<string, number>>;
}

const ROUNDS = 5;
// A variant must be faster by this much than the one that would be taken anyway: less is noise.
const GAIN = 0.05;
// Of max(1, largest value): sums of another order differ by far less, a driver's mistake by far more.
const TOLERANCE: Readonly<Record<DType, number>> = { f32: 1e-3, f16: 2e-2, i8: 0, i32: 0, u32: 0 };

/**
 * Measures the launches that have several variants and are not tuned yet, and notes the best ones in `device.tuned`.
 *
 * @throws the signal's reason when it was aborted; what was measured by then stays noted.
 */
export async function tune(
  device: Device,
  launches: Iterable<Launched>,
  { seconds = 5, signal, onProgress }: TuneOptions = {},
): Promise<Tuned[]> {
  const until = performance.now() + seconds * 1000;
  const open = openLaunches(device, launches);
  const results: Tuned[] = [];
  for (const [i, [key, launched]] of open.entries()) {
    signal?.throwIfAborted();
    if (performance.now() > until) break;
    const tuned = await tuneOne(device, key, launched, signal);
    device.tuned.set(key, tuned.variant);
    results.push(tuned);
    onProgress?.({ done: i + 1, total: open.length });
  }
  return results;
}

/** Launches to measure, each once, most work first. */
function openLaunches(device: Device, launches: Iterable<Launched>): [string, Launched][] {
  const open = new Map<string, { launched: Launched; flops: number }>();
  for (const launched of launches) {
    const { kernel, inputs, params } = launched;
    const key = launchKey(kernel.name, inputs, params);
    const variants = kernel.variants(inputs, params);
    const tuned = device.tuned.get(key);
    // What was kept may be a name of an older version.
    const isTuned = tuned !== undefined && (variants?.fits(tuned, device) ?? false);
    const isOpen = !isTuned && (variants?.best(device).length ?? 0) > 1;
    if (isOpen) open.set(key, { launched, flops: (open.get(key)?.flops ?? 0) + kernel.flops(inputs, params) });
  }
  return [...open].sort(([, a], [, b]) => b.flops - a.flops).map(([key, { launched }]) => [key, launched]);
}

async function tuneOne(device: Device, key: string, launched: Launched, signal?: AbortSignal): Promise<Tuned> {
  const { kernel, params } = launched;
  const names = kernel.variants(launched.inputs, params)?.best(device) ?? [];
  const inputs = [inputsOf(launched)];
  const rows: Prepared[] = [];
  try {
    for (const variant of names) {
      // A variant that this driver cannot compile is none.
      const row = await prepare(device, { kernel, inputs, params, variant }).catch(() => undefined);
      if (row) rows.push(row);
    }
    const { ms } = await sample(device, rows, { rounds: ROUNDS, signal });
    const right = await sameResult(device, rows);
    const medians = rows.map((row, i) => [row.variant, quantile(ms[i] ?? [], 0.5)] as const).filter((_, i) => right[i]);
    const [first, ...others] = medians;
    let best = first;
    for (const other of others)
      if (other[1] < (best?.[1] ?? 0) && other[1] < (first?.[1] ?? 0) * (1 - GAIN)) best = other;
    return { key, kernel: kernel.name, variant: best?.[0] ?? names[0] ?? "", ms: Object.fromEntries(medians) };
  } finally {
    for (const row of rows) row.free();
  }
}

/** For each row, whether it gave what the first one gave. */
async function sameResult(device: Device, rows: readonly Prepared[]): Promise<boolean[]> {
  const results: ArrayLike<number>[][] = [];
  for (const { outputs } of rows) results.push(await readAll(device, outputs));
  const [first = []] = results;
  return rows.map(({ outputs }, i) =>
    outputs.every(({ dtype, shape }, n) => {
      const [got, expected] = [results[i]?.[n], first[n]];
      return got !== undefined && expected !== undefined && largestError(got, expected, shape) <= TOLERANCE[dtype];
    }),
  );
}

/** Seeded values between -1 and 1, or between -127 and 127 in bytes; other whole numbers are 0: they may be indices. */
function inputsOf({ inputs }: Launched): TimedInputs {
  const next = random(1);
  const some = Float64Array.from({ length: 65_536 }, () => 2 * next() - 1);
  const testInputs: Record<string, { spec: Spec; data: HostArray }> = {};
  for (const [name, spec] of Object.entries(inputs)) {
    if (!spec) continue;
    const scale = { f32: 1, f16: 1, i8: 127, i32: 0, u32: 0 }[spec.dtype];
    const data = toDevice(
      some.map((x) => (scale > 1 ? Math.round(x * scale) : x * scale)),
      spec.dtype,
    );
    testInputs[name] = { spec: { dtype: spec.dtype, shape: spec.shape }, data: repeated(data, sizeOf(spec.shape)) };
  }
  return testInputs;
}

function repeated<A extends HostArray>(block: A, length: number): A {
  const all = new (block.constructor as new (length: number) => A)(length);
  for (let at = 0; at < length; at += block.length) all.set(block.subarray(0, length - at), at);
  return all;
}
