// Dawn with a fault at one chosen point: the n-th buffer for which there is no memory, the n-th result that cannot be
// mapped, the loss of the device at the n-th submit. It counts every call that can go wrong, and the buffers that live.
import type { create } from "webgpu";

type Gpu = ReturnType<typeof create>;

/** What goes wrong, by the call that it happens in. */
export const FAULTS = {
  createBuffer: ["no memory", "invalid", "lost"],
  createBindGroup: ["invalid", "lost"],
  createComputePipelineAsync: ["rejects", "lost"],
  popErrorScope: ["rejects", "lost"],
  mapAsync: ["rejects", "lost"],
  onSubmittedWorkDone: ["rejects", "lost"],
  submit: ["invalid", "lost"],
  writeBuffer: ["invalid", "lost"],
  requestDevice: ["rejects"],
  requestAdapter: ["rejects", "none"],
} as const;

export type Call = keyof typeof FAULTS;

export interface Fault {
  readonly call: Call;
  /** The how-manieth such call, from 0. */
  readonly at: number;
  readonly kind: (typeof FAULTS)[Call][number];
}

/** By the name that WebGPU gives it. */
class GPUOutOfMemoryError {
  readonly message = "injected";
}
class GPUValidationError {
  readonly message = "injected";
}
type Injected = GPUOutOfMemoryError | GPUValidationError;

interface Scope {
  readonly filter: GPUErrorFilter;
  error?: Injected;
}

export class FaultyGpu {
  /** Calls so far, since `arm`. */
  readonly counts = new Map<Call, number>();
  /** Buffers that were made and not destroyed, by device. */
  readonly #buffers = new Set<GPUBuffer>();
  readonly #devices = new Set<GPUDevice>();
  readonly #real: Gpu;
  #fault: Fault | undefined;
  #hasFailed = false;

  constructor(real: Gpu) {
    this.#real = real;
  }

  /** The fault that is to come; the counts begin anew. */
  arm(fault?: Fault): void {
    this.counts.clear();
    this.#fault = fault;
    this.#hasFailed = false;
  }

  /** Whether the fault has come: a call that is made less often than `at` says never fails. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Forgets what lives: it is counted from here on. */
  reset(): void {
    this.#buffers.clear();
    this.#devices.clear();
  }

  /** Buffers of devices that live. */
  get buffers(): number {
    return this.#buffers.size;
  }

  /** Devices that were not destroyed. */
  get devices(): number {
    return this.#devices.size;
  }

  /** As `navigator.gpu`. */
  readonly gpu = {
    requestAdapter: async (options: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
      const kind = this.#next("requestAdapter");
      if (kind === "rejects") throw new DOMException("injected", "OperationError");
      if (kind === "none") return null;
      const adapter = (await this.#real.requestAdapter(options)) as GPUAdapter;
      const requestDevice = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => {
        if (this.#next("requestDevice")) throw new DOMException("injected", "OperationError");
        return this.#watch(await requestDevice(descriptor));
      };
      return adapter;
    },
  };

  /** The kind of fault that this call has now, if any. */
  #next(call: Call): Fault["kind"] | undefined {
    const count = this.counts.get(call) ?? 0;
    this.counts.set(call, count + 1);
    if (this.#fault?.call !== call || this.#fault.at !== count) return undefined;
    this.#hasFailed = true;
    return this.#fault.kind;
  }

  #watch(device: GPUDevice): GPUDevice {
    const scopes: Scope[] = [];
    const listeners = new Set<(event: object) => void>();
    const living = new Set<GPUBuffer>();
    const destroy = device.destroy.bind(device);
    const lose = () => {
      for (const buffer of living) this.#buffers.delete(buffer);
      living.clear();
      this.#devices.delete(device);
      destroy();
    };
    this.#devices.add(device);
    device.destroy = lose as typeof device.destroy;
    const report = (error: Injected, filter: GPUErrorFilter) => {
      const scope = scopes.findLast((open) => open.filter === filter);
      if (scope) scope.error ??= error;
      else for (const listener of listeners) listener({ error, preventDefault() {} });
    };
    const fail = (kind: Fault["kind"]) => {
      if (kind === "lost") lose();
      if (kind === "invalid") report(new GPUValidationError(), "validation");
      if (kind === "no memory") report(new GPUOutOfMemoryError(), "out-of-memory");
      if (kind === "rejects") throw new DOMException("injected", "OperationError");
    };
    this.#watchErrors(device, scopes, listeners, fail);
    this.#watchBuffers(device, living, fail);
    this.#watchQueue(device, fail);
    const { createBindGroup, createComputePipelineAsync } = bound(device, [
      "createBindGroup",
      "createComputePipelineAsync",
    ]);
    device.createBindGroup = (descriptor) => {
      const kind = this.#next("createBindGroup");
      if (kind) fail(kind);
      return createBindGroup(descriptor);
    };
    device.createComputePipelineAsync = async (descriptor) => {
      const kind = this.#next("createComputePipelineAsync");
      if (kind) fail(kind);
      return createComputePipelineAsync(descriptor);
    };
    return device;
  }

  #watchErrors(
    device: GPUDevice,
    scopes: Scope[],
    listeners: Set<(event: object) => void>,
    fail: (kind: Fault["kind"]) => void,
  ): void {
    const { pushErrorScope, popErrorScope, addEventListener, removeEventListener } = bound(device, [
      "pushErrorScope",
      "popErrorScope",
      "addEventListener",
      "removeEventListener",
    ]);
    device.pushErrorScope = ((filter: GPUErrorFilter) => {
      scopes.push({ filter });
      pushErrorScope(filter);
    }) as typeof device.pushErrorScope;
    device.popErrorScope = () => {
      const scope = scopes.pop();
      const popped = popErrorScope();
      const kind = this.#next("popErrorScope");
      return popped.then((error) => {
        if (kind) fail(kind);
        return (scope?.error as GPUError | undefined) ?? error;
      });
    };
    device.addEventListener = ((type: string, listener: (event: object) => void) => {
      listeners.add(listener);
      addEventListener(type, listener as never);
    }) as typeof device.addEventListener;
    device.removeEventListener = ((type: string, listener: (event: object) => void) => {
      listeners.delete(listener);
      removeEventListener(type, listener as never);
    }) as typeof device.removeEventListener;
  }

  #watchBuffers(device: GPUDevice, living: Set<GPUBuffer>, fail: (kind: Fault["kind"]) => void): void {
    const { createBuffer, pushErrorScope, popErrorScope } = bound(device, [
      "createBuffer",
      "pushErrorScope",
      "popErrorScope",
    ]);
    device.createBuffer = (descriptor) => {
      const kind = this.#next("createBuffer");
      if (kind) fail(kind);
      const isInvalid = kind === "no memory" || kind === "invalid";
      // MAP_READ with STORAGE: no buffer may have both. The error of that stays here; that of its use does not.
      if (isInvalid) pushErrorScope("validation");
      const buffer = createBuffer(isInvalid ? { ...descriptor, usage: 0x81 } : descriptor);
      if (isInvalid) void popErrorScope();
      const destroy = buffer.destroy.bind(buffer);
      living.add(buffer);
      this.#buffers.add(buffer);
      buffer.destroy = (() => {
        living.delete(buffer);
        this.#buffers.delete(buffer);
        destroy();
      }) as typeof buffer.destroy;
      const mapAsync = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (async (mode: number) => {
        const mapKind = this.#next("mapAsync");
        if (mapKind) fail(mapKind);
        return mapAsync(mode);
      }) as typeof buffer.mapAsync;
      return buffer;
    };
  }

  #watchQueue(device: GPUDevice, fail: (kind: Fault["kind"]) => void): void {
    const { queue } = device;
    Object.defineProperty(device, "queue", { value: queue });
    for (const call of ["submit", "writeBuffer", "onSubmittedWorkDone"] as const) {
      const real = queue[call].bind(queue) as (...args: unknown[]) => unknown;
      const watched = (...args: unknown[]) => {
        const kind = this.#next(call);
        if (kind === "rejects") return Promise.reject(new DOMException("injected", "OperationError"));
        if (kind) fail(kind);
        return real(...args);
      };
      Object.defineProperty(queue, call, { value: watched });
    }
  }
}

/** Some methods of a device, which may be replaced afterwards. */
function bound<Name extends keyof GPUDevice>(device: GPUDevice, names: readonly Name[]): Pick<GPUDevice, Name> {
  const methods = names.map((name) => [name, (device[name] as unknown as () => unknown).bind(device)]);
  return Object.fromEntries(methods) as Pick<GPUDevice, Name>;
}
