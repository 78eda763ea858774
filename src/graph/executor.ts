// Runs a plan. Pipelines are compiled in parallel and buffers and bind groups made once; a run is only setPipeline,
// setBindGroup and dispatch in one command encoder, and one copy of the results to the host.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError, DisposedError, LimitError } from "../device/errors.ts";
import { fromHalfArray } from "../device/half.ts";
import { byteLength, type DType, formatShape, type HostArray, type NdArray, type Spec } from "../device/tensor.ts";
import type { Timing } from "../device/timer.ts";
import { paramBytes, pipelineSource } from "../kernels/kernel.ts";
import type { Place, Plan, PlannedTensor, Step } from "./plan.ts";
import { SlotPool } from "./slotPool.ts";
import type { WeightStore } from "./store.ts";
import { packUniforms } from "./uniforms.ts";

/** A step ready to be encoded. */
interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Step["launch"]["workgroups"];
}

/** Time of one step of a profiled run. */
export interface ProfiledStep {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Entry point of its shader. */
  readonly variant: string;
  /** Of the result. */
  readonly shape: readonly number[];
  /** Milliseconds. */
  readonly ms: number;
  /** Floating-point operations. */
  readonly flops: number;
}

/** Times of a profiled run. */
export interface Profile {
  /** In the order of the plan. */
  readonly steps: readonly ProfiledStep[];
  /** How times were taken. */
  readonly source: Timing["source"];
}

/** A plan made ready on a device: run it as often as wanted. */
export class Executor {
  /** What it runs. */
  readonly plan: Plan;
  readonly #device: Device;
  readonly #dispatches: readonly Dispatch[];
  readonly #free: () => void;
  readonly #bufferAt: (place: Place) => GPUBuffer;
  /** Readback buffers that no run is using. */
  readonly #idle: GPUBuffer[] = [];
  #isDisposed = false;

  private constructor(
    device: Device,
    plan: Plan,
    dispatches: readonly Dispatch[],
    free: () => void,
    at: (p: Place) => GPUBuffer,
  ) {
    this.#device = device;
    this.plan = plan;
    this.#dispatches = dispatches;
    this.#free = free;
    this.#bufferAt = at;
  }

  /**
   * Compiles and allocates; the plan's static values must be in the store. Nothing stays allocated when it throws.
   * Plans of one pool share their slots: they must not run in one submit.
   */
  static async create(
    device: Device,
    plan: Plan,
    store: WeightStore,
    pool: SlotPool = new SlotPool(device),
  ): Promise<Executor> {
    checkSizes(device, plan);
    const pipelines = await Promise.all(
      plan.steps.map(({ kernel, launch }) => device.pipelines.get(pipelineSource(kernel, launch))),
    );
    let [slots, uniforms]: [GPUBuffer[], GPUBuffer | undefined] = [[], undefined];
    const free = () => {
      pool.give(slots);
      if (uniforms) device.free(uniforms);
    };
    const at = (place: Place) => ("key" in place ? store.get(place.key).buffer : (slots[place.slot] as GPUBuffer));
    device.gpu.pushErrorScope("out-of-memory");
    device.gpu.pushErrorScope("validation");
    let failure: unknown;
    let dispatches: Dispatch[] = [];
    try {
      slots = pool.take(plan.slots);
      const { bytes, offsets } = packUniforms(plan.steps);
      const params = device.createBuffer(bytes.length, USAGE.UNIFORM | USAGE.COPY_DST, "parameters");
      uniforms = params;
      device.writeBuffer(params, 0, bytes);
      dispatches = plan.steps.map((step, i) => ({
        pipeline: pipelines[i] as GPUComputePipeline,
        bindGroup: bind(device, step, at, params, offsets[i] as number),
        workgroups: step.launch.workgroups,
      }));
    } catch (error) {
      failure = error;
    }
    // Both at once: other calls may push scopes of their own while this one waits.
    const [invalid, outOfMemory] = await Promise.all([device.gpu.popErrorScope(), device.gpu.popErrorScope()]);
    if (outOfMemory) {
      failure = new LimitError(
        `the GPU has no memory for this model and input (${outOfMemory.message}): use smaller inputs`,
      );
    }
    failure ??= invalid && new LimitError(`WebGPU refused the model's buffers: ${invalid.message}`);
    if (failure) {
      free();
      throw failure;
    }
    return new Executor(device, plan, dispatches, free, at);
  }

  /**
   * Overwrites an input (f16 as bits in a Uint16Array, any type as bytes), from byte `offset` on, for the next run
   * submitted. A run may leave other things in the inputs' buffers: write them again before each.
   */
  write(name: string, data: HostArray, offset = 0): void {
    this.#check();
    const { value, buffer } = this.#find(this.plan.inputs, "input", name);
    checkType(name, value, data);
    if (offset + data.byteLength > byteLength(value)) throw wrongLength(name, value, data, offset);
    this.#device.writeBuffer(buffer, offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** The GPU buffer of an input or output, to copy from one plan to another within one submit. */
  buffer(name: string): GPUBuffer {
    this.#check();
    return this.#bufferAt(this.#tensor(name).place);
  }

  /** Bytes of an input's or output's elements; its buffer may be larger. */
  bytes(name: string): number {
    return byteLength(this.#tensor(name).value);
  }

  /** Records the whole plan into an encoder as one pass, with timestamps at its ends where they are wanted. */
  encode(encoder: GPUCommandEncoder, timestampWrites?: GPUComputePassTimestampWrites): void {
    this.#check();
    const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
    for (const dispatch of this.#dispatches) encodeDispatch(pass, dispatch);
    pass.end();
  }

  /**
   * Writes the inputs, runs, and gives the outputs back. `before` may record work that makes further inputs into the
   * same submit. Runs may overlap: each has its own readback, and the queue keeps their order.
   */
  async run(
    inputs: Readonly<Record<string, HostArray>> = {},
    before?: (encoder: GPUCommandEncoder) => void,
  ): Promise<Record<string, NdArray>> {
    const bytes = await this.runBytes(inputs, before);
    const arrays = Object.entries(bytes).map(([name, part]) => {
      const { value } = this.#find(this.plan.outputs, "output", name);
      return [name, { data: HOST[value.dtype](part), shape: value.shape }] as const;
    });
    return Object.fromEntries(arrays);
  }

  /** As `run`, with the bytes of the elements: whole for words of bits, which floats would not hold. */
  async runBytes(
    inputs: Readonly<Record<string, HostArray>>,
    before?: (encoder: GPUCommandEncoder) => void,
  ): Promise<Record<string, ArrayBuffer>> {
    this.#check();
    for (const [name, data] of Object.entries(inputs)) {
      const { value } = this.#find(this.plan.inputs, "input", name);
      if (data.byteLength !== byteLength(value)) throw wrongLength(name, value, data);
      this.write(name, data);
    }
    const encoder = this.#device.gpu.createCommandEncoder();
    before?.(encoder);
    this.encode(encoder);
    const staging = this.#idle.pop() ?? this.#stagingBuffer();
    try {
      this.#copyOutputs(encoder, staging);
      this.#device.gpu.queue.submit([encoder.finish()]);
      return this.#split(await this.#device.mapRead(staging));
    } finally {
      if (this.#isDisposed || this.#device.lost) this.#device.free(staging);
      else this.#idle.push(staging);
    }
  }

  /** Runs with whatever is in the inputs and times each step by itself. */
  async profile(): Promise<Profile> {
    this.#check();
    const works = this.#dispatches.map((dispatch) => (pass: GPUComputePassEncoder) => encodeDispatch(pass, dispatch));
    const { time } = await import("../device/timer.ts");
    const { ms, source } = await time(this.#device, works);
    const steps = this.plan.steps.map(({ kernel, launch, value, flops }, i) => ({
      kernel: kernel.name,
      variant: launch.variant ?? launch.entryPoint ?? "main",
      shape: value.shape,
      ms: ms[i] as number,
      flops,
    }));
    return { steps, source };
  }

  /** Whether its buffers are freed. */
  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Frees the plan's buffers; the weights belong to the store. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free();
    for (const buffer of this.#idle) this.#device.free(buffer);
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("this plan was disposed");
    this.#device.check();
  }

  #tensor(name: string): PlannedTensor {
    const found = this.plan.inputs.get(name) ?? this.plan.outputs.get(name);
    if (!found) throw new ArgumentError(`the plan has no input or output "${name}"`);
    return found;
  }

  #find(tensors: ReadonlyMap<string, PlannedTensor>, kind: string, name: string) {
    const found = tensors.get(name);
    if (!found) throw new ArgumentError(`the plan has no ${kind} "${name}"; it has ${[...tensors.keys()].join(", ")}`);
    return { value: found.value, buffer: this.#bufferAt(found.place) };
  }

  /** Offsets and sizes of the outputs in a readback buffer. */
  #layout() {
    let offset = 0;
    return [...this.plan.outputs].map(([name, { value, place }]) => {
      const size = Math.ceil(byteLength(value) / 4) * 4;
      const at = offset;
      offset += Math.max(8, Math.ceil(size / 8) * 8);
      return { name, value, place, at, size, end: offset };
    });
  }

  #stagingBuffer(): GPUBuffer {
    const bytes = this.#layout().at(-1)?.end ?? 8;
    return this.#device.createBuffer(bytes, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
  }

  #copyOutputs(encoder: GPUCommandEncoder, staging: GPUBuffer): void {
    for (const { place, at, size } of this.#layout()) {
      if (size) encoder.copyBufferToBuffer(this.#bufferAt(place), 0, staging, at, size);
    }
  }

  #split(bytes: ArrayBuffer): Record<string, ArrayBuffer> {
    const parts = this.#layout().map(({ name, value, at }) => [name, bytes.slice(at, at + byteLength(value))] as const);
    return Object.fromEntries(parts);
  }
}

/** What the host gets: 32-bit floats for both float types; integers as floats are exact up to 2²⁴. */
const HOST: Readonly<Record<DType, (bytes: ArrayBuffer) => Float32Array>> = {
  f32: (bytes) => new Float32Array(bytes),
  f16: (bytes) => fromHalfArray(new Uint16Array(bytes)),
  i32: (bytes) => Float32Array.from(new Int32Array(bytes)),
  u32: (bytes) => Float32Array.from(new Uint32Array(bytes)),
  i8: (bytes) => Float32Array.from(new Int8Array(bytes)),
};

const ARRAY = {
  f32: "Float32Array",
  f16: "Uint16Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  i8: "Int8Array",
} as const;

function checkType(name: string, { dtype }: Spec, data: HostArray): void {
  const type = Object.prototype.toString.call(data).slice(8, -1); // by name: arrays may come from another realm
  if (type === ARRAY[dtype] || type === "Uint8Array") return;
  throw new ArgumentError(`input "${name}" is ${dtype} and takes a ${ARRAY[dtype]}, got ${type}`);
}

function wrongLength(name: string, value: Spec, data: HostArray, offset = 0): ArgumentError {
  const at = offset ? ` at byte ${offset}` : "";
  return new ArgumentError(
    `input "${name}" ${formatShape(value.shape)} ${value.dtype} takes ${byteLength(value)} bytes, ` +
      `got ${data.byteLength}${at}`,
  );
}

function encodeDispatch(pass: GPUComputePassEncoder, { pipeline, bindGroup, workgroups }: Dispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}

/** Throws LimitError where a tensor of the plan is more than this device can bind; nothing is allocated for it. */
export function checkSizes(device: Device, plan: Plan): void {
  for (const { value } of plan.steps) device.checkSize(value, "an activation");
  for (const [name, { value }] of plan.inputs) device.checkSize(value, `input "${name}"`);
  for (const [key, value] of plan.statics) device.checkSize(value, `weight ${key}`);
}

function bind(
  device: Device,
  step: Step,
  at: (place: Place) => GPUBuffer,
  uniforms: GPUBuffer,
  offset: number,
): GPUBindGroup {
  const inputs = step.inputs.map((place) => ({ buffer: place ? at(place) : device.zero }));
  const params = { buffer: uniforms, offset, size: paramBytes(step.kernel) };
  const resources: GPUBufferBinding[] = [...inputs, { buffer: at(step.output) }, params];
  return device.gpu.createBindGroup({
    label: step.kernel.name,
    layout: device.pipelines.layout(step.kernel.inputs.length),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
}
