// What a part of a model costs on an adapter: from weights in memory to its first result, then run after run.
import type { Device } from "../device/device.ts";
import { KernelError } from "../device/errors.ts";
import { random } from "../device/random.ts";
import type { NdArray } from "../device/tensor.ts";
import type { Executor, HostInputs } from "../graph/executor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import type { Example } from "../models/family.ts";
import type { Naming } from "../models/weights.ts";
import { type ModelDType, Session } from "../session/session.ts";
import { type Spread, spread } from "../verify/timing/measure.ts";
import { timedRun } from "./timedRun.ts";

/** Inputs whose result is known. */
export interface KnownResult {
  readonly inputs: HostInputs;
  /** Largest error of the outputs, and what is allowed. */
  error(outputs: Readonly<Record<string, NdArray>>): number;
  readonly tolerance: number;
}

export interface BenchModelOptions {
  /** Opens the device; it is destroyed at the end. */
  readonly open: () => Promise<Device>;
  readonly known?: KnownResult | undefined;
  /** "f32" when absent. */
  readonly dtype?: ModelDType | undefined;
  /** Seconds for measuring which variants of the kernels are best, which cold start then includes; none when absent. */
  readonly tune?: number | undefined;
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** Milliseconds from weights in memory to the first result on the host, and its parts. */
interface ColdStart {
  readonly deviceMs: number;
  readonly loadMs: number;
  readonly compileMs: number;
  readonly firstMs: number;
  readonly totalMs: number;
}

export interface ModelTiming extends PlanSummary {
  readonly what: string;
  readonly cold: ColdStart;
  /** From inputs on the host to outputs on the host. */
  readonly ms: Spread;
  /** Of the pass with all kernels; absent where the device has no timestamps. */
  readonly gpuMs?: Spread;
  readonly readbackMs: Spread;
  /** Share of a run that is not in that pass: the median of all runs. */
  readonly outsideKernels?: number;
  /** Most bytes that the engine held on the GPU at once, loading included. */
  readonly peakBytes: number;
  /** Largest error to the known result, before timing and after; absent where none is known. */
  readonly error?: number;
}

/** A part of a model on a device, ready to run. */
export interface OpenModel {
  readonly device: Device;
  readonly executor: Executor;
  readonly cold: Omit<ColdStart, "firstMs" | "totalMs">;
  close(): void;
}

/** A part, the checkpoint that it reads and how that names its tensors. */
export interface ModelPart extends Example {
  readonly checkpoint: Checkpoint;
  readonly naming?: Naming | undefined;
}

/** Opens a device, loads the weights and compiles, each timed. The checkpoint stays the caller's. */
export async function openModel(
  open: () => Promise<Device>,
  { part, checkpoint, naming }: Omit<ModelPart, "inputs">,
  { signal, dtype = "f32", tune = 0 }: Pick<BenchModelOptions, "signal" | "dtype" | "tune"> = {},
): Promise<OpenModel> {
  const start = performance.now();
  const device = await open();
  const deviceMs = performance.now() - start;
  try {
    const session = await Session.open(checkpoint, naming && { naming }, { device, dtype, tune });
    await session.load([part], signal);
    await device.done();
    const loadMs = performance.now() - start - deviceMs;
    // The session's only plan, which nothing takes the place of.
    const executor = await session.use([part], (ready) => ready);
    const compileMs = performance.now() - start - deviceMs - loadMs;
    return { device, executor, cold: { deviceMs, loadMs, compileMs }, close: () => device.destroy() };
  } catch (error) {
    device.destroy();
    throw error;
  }
}

/**
 * Times a part of a model. Every run has inputs of its own; the first inputs, or those whose result is known, are run
 * again at the end and must give the same result.
 *
 * @throws KernelError where a result is wrong.
 */
export async function benchModel(what: string, part: ModelPart, options: BenchModelOptions): Promise<ModelTiming> {
  const { known, rounds, onProgress, signal } = options;
  onProgress?.(`${what}: loading`);
  const model = await openModel(options.open, part, options);
  try {
    const { device, executor } = model;
    const first = known?.inputs ?? (await part.inputs(random(1)));
    const opened = performance.now();
    const result = await executor.run(first);
    const firstMs = performance.now() - opened;
    const { deviceMs, loadMs, compileMs } = model.cold;
    const cold = { ...model.cold, firstMs, totalMs: deviceMs + loadMs + compileMs + firstMs };
    checkResult(what, result, known);
    const measured = await runs(what, model, part, options);
    signal?.throwIfAborted();
    const again = await executor.run(first);
    const error = checkResult(what, again, known);
    checkSame(what, result, again);
    onProgress?.(`${what}: ${rounds} runs`);
    const peakBytes = device.memory.peakBytes;
    return { what, cold, ...measured, ...executor.plan.summary(), peakBytes, ...(known && { error }) };
  } finally {
    model.close();
  }
}

/** Rounds of a plain run and one that is taken apart; the first result warmed up. */
async function runs(
  what: string,
  { device, executor }: OpenModel,
  part: ModelPart,
  { rounds, signal, onProgress }: BenchModelOptions,
) {
  const names = [...executor.plan.outputs.keys()];
  const ms: number[] = [];
  const apart: { gpuMs: number | undefined; readbackMs: number; wallMs: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    signal?.throwIfAborted();
    const [one, other] = [await part.inputs(random(2 * round + 1)), await part.inputs(random(2 * round + 2))];
    const start = performance.now();
    await executor.run(one);
    const wall = performance.now() - start;
    const { queueMs, gpuMs, readbackMs } = await timedRun(device, executor, other, names);
    ms.push(wall);
    apart.push({ gpuMs, readbackMs, wallMs: queueMs + readbackMs });
    onProgress?.(`${what}: run ${round} of ${rounds}`);
  }
  const gpu = apart.flatMap(({ gpuMs }) => gpuMs ?? []);
  const outside = apart.flatMap(({ gpuMs, wallMs }) => (gpuMs === undefined ? [] : [1 - gpuMs / wallMs]));
  const timed = { ms: spread(ms), readbackMs: spread(apart.map(({ readbackMs }) => readbackMs)) };
  return gpu.length ? { ...timed, gpuMs: spread(gpu), outsideKernels: spread(outside).median } : timed;
}

function checkResult(what: string, outputs: Readonly<Record<string, NdArray>>, known?: KnownResult): number {
  for (const [name, { data }] of Object.entries(outputs)) {
    if (!data.every(Number.isFinite)) throw new KernelError(`${what}: ${name} has values that are not finite`);
  }
  const error = known?.error(outputs) ?? 0;
  if (!known || error <= known.tolerance) return error;
  throw new KernelError(`${what}: error ${error} beyond ${known.tolerance}, so it is not timed`);
}

/** No kernel adds in an order that changes, so equal inputs give equal bits. */
function checkSame(what: string, a: Readonly<Record<string, NdArray>>, b: Readonly<Record<string, NdArray>>): void {
  for (const [name, { data }] of Object.entries(a)) {
    const other = b[name]?.data;
    if (!data.every((value, i) => Object.is(value, other?.[i]))) {
      throw new KernelError(`${what}: ${name} came out differently after the timed runs`);
    }
  }
}
