// A WebGPU device with what the engine needs around it: limits, features, tensors, pipelines, memory accounting and
// errors that reach the caller.
import { type AdapterInfo, describeAdapter, type MatrixUnit } from "./adapter.ts";
import { ArgumentError, DeviceLostError, KernelError, LimitError } from "./errors.ts";
import { PipelineCache, type Rest } from "./pipeline.ts";
import { bufferBytes, byteLength, formatShape, type HostArray, type Spec, type Tensor } from "./tensor.ts";

// GPUBufferUsage and GPUMapMode as numbers: Node has no such globals, and their values are fixed by the standard.
export const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128, QUERY_RESOLVE: 512 } as const;
const MAP_READ = 1;

/** GPU bytes held by the engine on one device. */
export interface MemoryUse {
  /** Held now. */
  bytes: number;
  /** The most that were held at once. */
  peakBytes: number;
  /** Number of buffers held now. */
  buffers: number;
}

/** What work gave, and what WebGPU reports of it. */
export interface Owned<T> {
  readonly value: T;
  /** Undefined where all went well, and when the device is lost. */
  readonly problem: Promise<Error | undefined>;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function refused({ message }: GPUError | Error): KernelError {
  return new KernelError(`WebGPU reported: ${message || "no reason"}`);
}

/** A WebGPU device with its limits, pipelines and memory accounts, from `openDevice`; models share it as `device`. */
export class Device {
  /** WebGPU's own device. */
  readonly gpu: GPUDevice;
  /** The adapter that it is on. */
  readonly info: AdapterInfo;
  /** What the device allows. */
  readonly limits: GPUSupportedLimits;
  /** Shaders may use f16. */
  readonly hasF16: boolean;
  /** Shaders may use subgroup operations. */
  readonly hasSubgroups: boolean;
  /** Threads of a subgroup, where every shader gets the same number. */
  readonly subgroupSize: number | undefined;
  /** The fewest threads that a subgroup may have, where shaders may use subgroups and the adapter says it. */
  readonly leastSubgroup: number | undefined;
  /**
   * Threads of a subgroup that shaders ask for where a thread takes many registers: the fewest, on Intel, whose threads
   * share out the registers of their subgroup. 16 threads of attention spill 222 times where 8 do not (Mesa 25, dg2).
   */
  readonly smallestSubgroup: number | undefined;
  /** What shaders may use of the adapter's matrix units; `openDevice` finds out, for its own devices. */
  matrixUnits: readonly MatrixUnit[] = [];
  /** Times are measured on the GPU. */
  readonly hasTimestamps: boolean;
  /** Compiled shaders, each once. */
  readonly pipelines: PipelineCache;
  /** Variants that were measured to be best here, by what they are launched on; plans made later take them. */
  readonly tuned = new Map<string, string>();
  /** What the engine holds on this device. */
  readonly memory: MemoryUse = { bytes: 0, peakBytes: 0, buffers: 0 };
  /** Most bytes that the engine may hold here; any number where it is undefined. */
  memoryBudget: number | undefined;
  /** Set when the device was lost or destroyed. */
  lost: DeviceLostError | undefined;
  readonly #owned: boolean;
  readonly #rest: Rest;
  readonly #held = new Map<GPUBuffer, number>();
  /** Those who wait for the GPU, to be told when the device is lost. */
  readonly #waiting = new Set<(error: DeviceLostError) => void>();
  /** What is told of errors outside any scope. */
  #listener: ((event: GPUUncapturedErrorEvent) => void) | undefined;
  #error: Error | undefined;
  #zero: GPUBuffer | undefined;
  readonly #onLost: Promise<DeviceLostError>;

  /** @internal Use `openDevice`. */
  constructor(gpu: GPUDevice, info: AdapterInfo, owned: boolean, rest: Rest = (promise) => promise) {
    this.gpu = gpu;
    this.info = info;
    this.limits = gpu.limits;
    this.hasF16 = gpu.features.has("shader-f16");
    this.hasSubgroups = gpu.features.has("subgroups");
    this.subgroupSize = this.hasSubgroups ? info.subgroupSize : undefined;
    this.leastSubgroup = this.hasSubgroups ? gpu.adapterInfo?.subgroupMinSize : undefined;
    this.smallestSubgroup =
      info.class === "intel" && gpu.features.has("subgroup-size-control") ? this.leastSubgroup : undefined;
    this.hasTimestamps = gpu.features.has("timestamp-query");
    this.pipelines = new PipelineCache(gpu, rest);
    this.#owned = owned;
    this.#rest = rest;
    if (owned) this.#listen();
    this.#onLost = gpu.lost.then(({ reason, message }) => {
      const error = new DeviceLostError(
        `the GPU device was lost (${reason || "unknown"}): ${message}. Call again: a new device is opened`,
      );
      return this.#lose(error);
    });
  }

  /**
   * Wraps a device that the caller opened; destroying this one leaves it open.
   *
   * @internal Use `openDevice({ gpu })`.
   */
  static from(gpu: GPUDevice, rest?: Rest): Device {
    return new Device(gpu, describeAdapter({ info: gpu.adapterInfo }), false, rest);
  }

  /** Throws what WebGPU reported since the last check: a lost device, or an error outside any scope. */
  check(): void {
    if (this.lost) throw this.lost;
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /** Bytes of the largest tensor that can be bound. */
  get mostBytes(): number {
    return Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
  }

  /** Throws a LimitError, with what to do, when a tensor of this size cannot be bound on this device. */
  checkSize(spec: Spec, name = "tensor", advice = "use a smaller one"): void {
    const bytes = bufferBytes(spec);
    if (bytes <= this.mostBytes) return;
    throw new LimitError(
      `${name} ${formatShape(spec.shape)} ${spec.dtype} needs ${mib(bytes)}, ` +
        `but this adapter (${this.info.description}) binds at most ${mib(this.mostBytes)}: ${advice}`,
    );
  }

  /** Throws a LimitError when so many bytes more would be beyond the budget. */
  checkBudget(bytes: number, what: string): void {
    const [{ bytes: held }, budget = Number.POSITIVE_INFINITY] = [this.memory, this.memoryBudget];
    if (held + bytes <= budget) return;
    throw new LimitError(
      `${what} of ${mib(bytes)} and the ${mib(held)} in use are more than the memoryBudget of ${mib(budget)}: ` +
        "use a smaller input or type, or a larger budget",
    );
  }

  /** Allocates a buffer and counts it. */
  createBuffer(size: number, usage: number, label = ""): GPUBuffer {
    if (this.lost) throw this.lost;
    this.checkBudget(size, label || "a buffer");
    const buffer = this.gpu.createBuffer({ size, usage, label });
    this.#held.set(buffer, size);
    this.memory.bytes += size;
    this.memory.peakBytes = Math.max(this.memory.peakBytes, this.memory.bytes);
    this.memory.buffers += 1;
    return buffer;
  }

  /** Frees a buffer that createBuffer made. Freeing twice does nothing. */
  free(buffer: GPUBuffer): void {
    const size = this.#held.get(buffer);
    if (size === undefined) return;
    this.#held.delete(buffer);
    this.memory.bytes -= size;
    this.memory.buffers -= 1;
    buffer.destroy();
  }

  /** Allocates a tensor; its elements are zero. */
  createTensor(spec: Spec, label = ""): Tensor {
    this.checkSize(spec, label || "tensor");
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    return { dtype: spec.dtype, shape: [...spec.shape], buffer: this.createBuffer(bufferBytes(spec), usage, label) };
  }

  /** A tensor with these elements (half-precision bits as Uint16Array). */
  upload(spec: Spec, data: HostArray, label = ""): Tensor {
    const tensor = this.createTensor(spec, label);
    this.write(tensor, data);
    return tensor;
  }

  /** Overwrites a tensor's elements. */
  write(tensor: Tensor, data: HostArray): void {
    const bytes = byteLength(tensor);
    if (data.byteLength !== bytes) {
      throw new ArgumentError(
        `a ${tensor.dtype} tensor ${formatShape(tensor.shape)} takes ${bytes} bytes, got ${data.byteLength}`,
      );
    }
    this.writeBuffer(tensor.buffer, 0, new Uint8Array(data.buffer, data.byteOffset, bytes));
  }

  /** queue.writeBuffer for any length: WebGPU takes whole 4-byte words only. */
  writeBuffer(buffer: GPUBuffer, offset: number, bytes: Uint8Array): void {
    if (this.lost) throw this.lost;
    const wordBytes = bytes.length & ~3;
    if (wordBytes) this.gpu.queue.writeBuffer(buffer, offset, bytes as BufferSource, 0, wordBytes);
    if (wordBytes === bytes.length) return;
    const tail = new Uint8Array(4);
    tail.set(bytes.subarray(wordBytes));
    this.gpu.queue.writeBuffer(buffer, offset + wordBytes, tail);
  }

  /** Copies a tensor's bytes to the host. */
  async read(tensor: Tensor): Promise<ArrayBuffer> {
    const size = Math.ceil(byteLength(tensor) / 4) * 4;
    if (size === 0) return new ArrayBuffer(0);
    const staging = this.createBuffer(size, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
    try {
      const encoder = this.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(tensor.buffer, 0, staging, 0, size);
      this.gpu.queue.submit([encoder.finish()]);
      return await this.mapRead(staging, (mapped) => mapped.slice(0, byteLength(tensor)));
    } finally {
      this.free(staging);
    }
  }

  /**
   * Maps a readback buffer, gives what `copy` makes of its bytes, and unmaps it: they are gone then. Rejects with
   * DeviceLostError when the device is lost before.
   */
  async mapRead<T>(staging: GPUBuffer, copy: (mapped: ArrayBuffer) => T): Promise<T> {
    // Copied at once: a device that is lost after that takes the bytes away.
    const mapped = this.#rest(staging.mapAsync(MAP_READ)).then(() => copy(staging.getMappedRange()));
    const copied = await this.#unlessLost(mapped.finally(() => staging.unmap()));
    this.check();
    return copied;
  }

  /** Resolves when all that was submitted is done. */
  async done(): Promise<undefined> {
    await this.#unlessLost(this.#rest(this.gpu.queue.onSubmittedWorkDone()));
  }

  /**
   * Does what makes, records and submits, all before it returns, and gives what WebGPU reports of that alone: calls
   * beside it, and others who use the caller's device, have errors of their own.
   *
   * @internal
   * @param what for the error where there is not enough memory
   */
  own<T>(work: () => T, what = "this"): Owned<T> {
    const { gpu } = this;
    gpu.pushErrorScope("validation");
    gpu.pushErrorScope("out-of-memory");
    let scopes: Promise<(GPUError | null)[]>;
    let value: T;
    try {
      value = work();
    } finally {
      scopes = Promise.all([gpu.popErrorScope(), gpu.popErrorScope()]);
    }
    const problem = scopes.then(
      ([memory, invalid]) => {
        if (memory) return new LimitError(`the GPU has no memory for ${what} (${memory.message}): use a smaller input`);
        return invalid ? refused(invalid) : undefined;
      },
      () => undefined, // the device is lost
    );
    return { value, problem };
  }

  /** A buffer of zeros, bound in place of an optional input that is absent. */
  get zero(): GPUBuffer {
    this.#zero ??= this.createBuffer(16, USAGE.STORAGE | USAGE.COPY_DST, "absent input");
    return this.#zero;
  }

  /** Resolves with the error when the device is lost. */
  whenLost(): Promise<DeviceLostError> {
    return this.#onLost;
  }

  /** Frees everything made through this device, and the device itself unless the caller brought it. */
  destroy(): void {
    for (const buffer of [...this.#held.keys()]) this.free(buffer);
    this.#zero = undefined;
    if (!this.#owned) return;
    this.gpu.destroy();
    // Now rather than when `gpu.lost` resolves, so that the very next call opens a new device.
    this.#lose(new DeviceLostError("the GPU device was destroyed. Call again: a new device is opened"));
  }

  /** The same as `destroy`, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  #listen(): void {
    this.#listener = (event) => {
      event.preventDefault?.();
      this.#error ??= refused(event.error);
    };
    this.gpu.addEventListener?.("uncapturederror", this.#listener);
  }

  /** Tells who waits, and takes the listener away, by which the runtime would keep this device for ever. */
  #lose(error: DeviceLostError): DeviceLostError {
    this.lost ??= error;
    if (this.#listener) this.gpu.removeEventListener?.("uncapturederror", this.#listener);
    this.#listener = undefined;
    for (const reject of this.#waiting) reject(this.lost);
    this.#waiting.clear();
    return this.lost;
  }

  /**
   * Rejects when the device is lost before, and with an error of ours for any other reason. Promise.race would leave
   * something with `gpu.lost` at every call.
   */
  #unlessLost<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.lost) reject(this.lost);
      else this.#waiting.add(reject);
      const fail = (error: Error) => {
        this.check();
        throw refused(error);
      };
      promise
        .catch(fail)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }
}
