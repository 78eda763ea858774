// Times kernels: everything is uploaded and compiled before, and the samples of all rows are taken in turn, so that
// whatever else the machine does falls on all of them alike.
import { type Device, USAGE } from "../src/device/device.ts";
import type { HostArray, Spec, Tensor } from "../src/device/tensor.ts";
import { byteLength } from "../src/device/tensor.ts";
import { time, type Work } from "../src/device/timer.ts";
import { type AnyKernel, packParams, paramBytes, pipelineSource } from "../src/kernels/kernel.ts";

/** Work to time. */
export interface Timed {
  readonly kernel: AnyKernel;
  readonly inputs: Readonly<Record<string, { readonly spec: Spec; readonly data: HostArray }>>;
  readonly params?: object;
  /** Bytes that must move at least; inputs and output, each once, when absent. */
  readonly bytes?: number;
}

/** Work on the device, ready to be encoded again and again. */
export interface Prepared {
  readonly work: Work;
  readonly variant: string;
  readonly flops: number;
  readonly bytes: number;
  /** Dispatches of one sample. */
  readonly repeat: number;
  free(): void;
}

/** A sample lasts at least this long, so that starting a pass does not count. */
const SAMPLE_MS = 5;
const MOST_REPEATS = 200;

/** Uploads and compiles; runs once to warm up and to learn how many dispatches make a sample. */
export async function prepare(device: Device, timed: Timed): Promise<Prepared> {
  const { kernel, params = {} } = timed;
  const specs = Object.fromEntries(Object.entries(timed.inputs).map(([name, { spec }]) => [name, spec]));
  const launch = kernel.launch(specs, params, device);
  const pipeline = await device.pipelines.get(pipelineSource(kernel, launch));
  const held: GPUBuffer[] = [];
  const keep = (tensor: Tensor) => {
    held.push(tensor.buffer);
    return tensor.buffer;
  };
  const buffers = kernel.inputs.map((name) => {
    const input = timed.inputs[name];
    return input ? keep(device.upload(input.spec, input.data, name)) : device.zero;
  });
  const output = device.createTensor(kernel.output(specs, params), kernel.name);
  const uniforms = new DataView(new ArrayBuffer(paramBytes(kernel)));
  packParams(kernel, launch.params, uniforms, 0);
  const uniform = device.createBuffer(uniforms.byteLength, USAGE.UNIFORM | USAGE.COPY_DST, "params");
  device.gpu.queue.writeBuffer(uniform, 0, uniforms.buffer);
  held.push(uniform);
  buffers.push(keep(output), uniform);
  const bindGroup = device.gpu.createBindGroup({
    layout: device.pipelines.layout(kernel.inputs.length),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const repeated = (count: number) => (pass: GPUComputePassEncoder) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...launch.workgroups);
  };
  const { ms } = await time(device, [repeated(1), repeated(1)]);
  const repeat = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(1e-3, ms[1] as number))));
  const moved = [...Object.values(specs), output].reduce((sum, spec) => sum + byteLength(spec), 0);
  return {
    work: repeated(repeat),
    variant: launch.entryPoint ?? "main",
    flops: kernel.flops(specs, params),
    bytes: timed.bytes ?? moved,
    repeat,
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

/** Takes `rounds` samples of each row, all rows in turn, every second round backwards. */
export async function sample(
  device: Device,
  rows: readonly Prepared[],
  rounds: number,
  onRound?: (done: number) => void,
): Promise<Samples> {
  const ms: number[][] = rows.map(() => []);
  let source: Samples["source"] = "wall";
  for (let round = 0; round < rounds; round++) {
    const order = rows.map((_, i) => (round % 2 === 0 ? i : rows.length - 1 - i));
    for (const i of order) {
      const row = rows[i] as Prepared;
      const timing = await time(device, [row.work]);
      source = timing.source;
      ms[i]?.push((timing.ms[0] as number) / row.repeat);
    }
    onRound?.(round + 1);
  }
  return { ms, source };
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.round(share * (sorted.length - 1)))] ?? Number.NaN;
}
