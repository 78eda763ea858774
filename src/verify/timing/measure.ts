// Times kernels: everything is uploaded and compiled before, the samples of all rows are taken in turn, so that
// whatever else the machine does falls on all of them alike, and every second sample has other inputs.
import { type Device, USAGE } from "../../device/device.ts";
import { byteLength, type HostArray, type Spec, type Tensor } from "../../device/tensor.ts";
import { time, type Work } from "../../device/timer.ts";
import { type AnyKernel, bindingCounts, packParams, paramBytes, pipelineSource } from "../../kernels/kernel.ts";

/** Inputs of one dispatch, by name. */
export type TimedInputs = Readonly<Record<string, { readonly spec: Spec; readonly data: HostArray }>>;

/** Work to time. */
export interface Timed {
  readonly kernel: AnyKernel;
  /** Inputs that take turns, of equal shapes. */
  readonly inputs: readonly TimedInputs[];
  readonly params?: object;
  /** The variant of this name; the one that a plan would get when absent. */
  readonly variant?: string | undefined;
  /** Bytes that must move at least; inputs and outputs, each once, when absent. */
  readonly bytes?: number;
}

/** Work on the device, ready to be encoded again and again. */
export interface Prepared {
  /** For each of the inputs. */
  readonly works: readonly Work[];
  readonly variant: string;
  readonly flops: number;
  readonly bytes: number;
  /** Dispatches of one sample. */
  readonly repeat: number;
  /** What the last work wrote, in the order of the kernel's outputs. */
  readonly outputs: readonly Tensor[];
  free(): void;
}

/** A sample lasts at least this long, so that starting a pass does not count. */
const SAMPLE_MS = 5;
const MOST_REPEATS = 200;

/** Uploads and compiles; runs the first inputs to warm up and to learn how many dispatches make a sample. */
export async function prepare(device: Device, timed: Timed): Promise<Prepared> {
  const { kernel, params = {}, variant } = timed;
  const specs = Object.fromEntries(Object.entries(timed.inputs[0] ?? {}).map(([name, { spec }]) => [name, spec]));
  const launch = kernel.launch(specs, params, device, variant);
  const pipeline = await device.pipelines.get(pipelineSource(kernel, launch));
  const held: GPUBuffer[] = [];
  const keep = (buffer: GPUBuffer) => {
    held.push(buffer);
    return buffer;
  };
  const uniforms = new DataView(new ArrayBuffer(paramBytes(kernel)));
  packParams(kernel, launch.params, uniforms, 0);
  const uniform = keep(device.createBuffer(uniforms.byteLength, USAGE.UNIFORM | USAGE.COPY_DST, "params"));
  device.gpu.queue.writeBuffer(uniform, 0, uniforms.buffer);
  const outputs = kernel.outputSpecs(specs, params).map((spec) => device.createTensor(spec, kernel.name));
  const written = outputs.map(({ buffer }) => keep(buffer));
  const bindGroups = timed.inputs.map((inputs) => {
    const buffers = kernel.inputs.map((name) => {
      const input = inputs[name];
      return input ? keep(device.upload(input.spec, input.data, name).buffer) : device.zero;
    });
    return device.gpu.createBindGroup({
      layout: device.pipelines.layout(bindingCounts(kernel)),
      entries: [...buffers, ...written, uniform].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
  });
  const repeated = (bindGroup: GPUBindGroup, count: number) => (pass: GPUComputePassEncoder) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...launch.workgroups);
  };
  const once = repeated(bindGroups[0] as GPUBindGroup, 1);
  const { ms } = await time(device, [once, once]);
  const repeat = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(1e-3, ms[1] as number))));
  const moved = [...Object.values(specs), ...outputs].reduce((sum, spec) => sum + byteLength(spec), 0);
  return {
    works: bindGroups.map((bindGroup) => repeated(bindGroup, repeat)),
    variant: launch.variant ?? launch.entryPoint ?? "main",
    flops: kernel.flops(specs, params),
    bytes: timed.bytes ?? moved,
    repeat,
    outputs,
    free: () => {
      for (const buffer of held) device.free(buffer);
    },
  };
}

/** Milliseconds of one dispatch of each row, sample by sample. */
export interface Samples {
  readonly ms: readonly number[][];
  readonly source: "timestamp-query" | "wall";
}

export interface SampleOptions {
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onRound?: ((done: number) => void) | undefined;
}

/**
 * Takes samples of each row, all rows in turn, every second round backwards. The inputs take turns, and the last round
 * has the first ones.
 */
export async function sample(
  device: Device,
  rows: readonly Prepared[],
  { rounds, signal, onRound }: SampleOptions,
): Promise<Samples> {
  const ms: number[][] = rows.map(() => []);
  let source: Samples["source"] = "wall";
  for (let left = rounds - 1; left >= 0; left--) {
    const order = rows.map((_, i) => (left % 2 === 0 ? i : rows.length - 1 - i));
    for (const i of order) {
      signal?.throwIfAborted();
      const { works, repeat } = rows[i] as Prepared;
      const timing = await time(device, [works[left % works.length] as Work]);
      source = timing.source;
      ms[i]?.push((timing.ms[0] as number) / repeat);
    }
    onRound?.(rounds - left);
  }
  return { ms, source };
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.round(share * (sorted.length - 1)))] ?? Number.NaN;
}

/** Milliseconds for a table or a file: the median, the tenth and the ninetieth of a hundred, and every value. */
export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly all: readonly number[];
}

export function spread(all: readonly number[]): Spread {
  return { median: quantile(all, 0.5), p10: quantile(all, 0.1), p90: quantile(all, 0.9), all };
}
