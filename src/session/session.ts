// A loaded checkpoint on a device: its weights, and plans by input shape, of which the most recent are kept. When the
// device is lost, the next call opens a new one and reads the checkpoint again.
import { isCpu } from "../device/adapter.ts";
import { Device } from "../device/device.ts";
import { AdapterError, ArgumentError, DisposedError } from "../device/errors.ts";
import { openDevice } from "../device/open.ts";
import type { Executor } from "../graph/executor.ts";
import type { PlanOptions } from "../graph/plan.ts";
import { WeightStore } from "../graph/store.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { type Build, PlanCache, type PlanRequest, planOf } from "./planCache.ts";

/**
 * Type of weights and activations: `f32`; `f16` with sums in f32, where the adapter has shader-f16; or `q8`, which is
 * f32 but for the weights: they are int8 with an f32 unit a channel, a quarter of the GPU memory.
 */
export type ModelDType = "f32" | "f16" | "q8";

const MODEL_DTYPES: readonly ModelDType[] = ["f32", "f16", "q8"];

/** What plans of a type need on a device, loaded on demand: int8 weights, and the convolutions that suit CPUs. */
export async function planOptions(dtype: ModelDType, { info }: Pick<Device, "info">): Promise<PlanOptions> {
  const rewrites = [];
  if (dtype === "q8") rewrites.push((await import("../graph/rewrites/quantise.ts")).quantise);
  if (isCpu(info.class)) rewrites.push((await import("../graph/rewrites/winograd.ts")).winograd);
  return { rewrites };
}

/** The type that a model computes in. */
export function computedIn(dtype: ModelDType): "f32" | "f16" {
  return dtype === "q8" ? "f32" : dtype;
}

/** Where and in which type a model computes. */
export interface SessionOptions {
  /** A device of ours or the caller's own GPUDevice; opened, and closed by dispose, when absent. */
  readonly device?: Device | GPUDevice;
  /** Type of weights and activations; "f32" when absent. */
  readonly dtype?: ModelDType;
  /**
   * Measures the kernels' variants on this adapter while loading, for about so many seconds (true: 5), and keeps what
   * it found for the next time. Without it the choice depends on the adapter's class and the shapes alone.
   */
  readonly tune?: boolean | number;
  /** Cancels loading: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a lost device takes with it. */
interface Live {
  readonly device: Device;
  readonly store: WeightStore;
  readonly planned: PlanOptions;
  readonly plans: PlanCache;
}

export class Session {
  /** Type of inputs and activations. */
  readonly dtype: "f32" | "f16";
  readonly #type: ModelDType;
  readonly #checkpoint: Checkpoint;
  readonly #given: Device | undefined;
  readonly #tuneSeconds: number;
  #live: Promise<Live>;
  #current: Live | undefined;
  #isDisposed = false;

  private constructor(checkpoint: Checkpoint, options: SessionOptions) {
    this.#type = options.dtype ?? "f32";
    this.dtype = computedIn(this.#type);
    this.#checkpoint = checkpoint;
    this.#given = givenDevice(options.device);
    this.#tuneSeconds = typeof options.tune === "number" ? options.tune : options.tune ? 5 : 0;
    this.#live = this.#open();
  }

  /** Opens the device and checks that it can compute in the wanted type. */
  static async open(checkpoint: Checkpoint, options: SessionOptions = {}): Promise<Session> {
    const { dtype = "f32" } = options;
    if (!MODEL_DTYPES.includes(dtype)) throw new ArgumentError(`dtype is "${dtype}", expected "f32", "f16" or "q8"`);
    const session = new Session(checkpoint, options);
    const { device } = await session.#live;
    if (dtype === "f16" && !device.hasF16) {
      session.dispose();
      throw new AdapterError(`the adapter (${device.info.description}) has no shader-f16: use dtype "f32"`);
    }
    return session;
  }

  /** The device in use; a new one after a loss. */
  async device(): Promise<Device> {
    return (await this.#alive()).device;
  }

  /** Loads the weights of several plans in one pass over the checkpoint. */
  async preload(builds: Readonly<Record<string, Build>>, signal?: AbortSignal): Promise<void> {
    const { device, store, planned } = await this.#alive();
    const plans = Object.values(builds).map((build) => planOf(build, device, planned));
    if (this.#tuneSeconds > 0) {
      const { tunePlans } = await import("./tuneSession.ts");
      await tunePlans(device, plans, { seconds: this.#tuneSeconds, signal });
    }
    await store.load(
      plans.flatMap(({ statics }) => [...statics.values()]),
      signal,
    );
    await Promise.all(Object.entries(builds).map(([key, build]) => this.executor(key, build)));
  }

  /** The plan of a computation, made at its first use. `key` stands for what `build` records. */
  async executor(key: string, build: Build, signal?: AbortSignal): Promise<Executor> {
    return (await this.#alive()).plans.get({ key, build }, true, signal);
  }

  /**
   * Calls `work` with plans that cannot be disposed before it returns; what it submits by then is sure to run. Such
   * plans are kept within bounds of bytes, unlike those of `executor`, which the caller may go on using.
   */
  async use<const R extends readonly PlanRequest[], T>(
    requests: R,
    work: (...executors: { [I in keyof R]: Executor }) => T,
    signal?: AbortSignal,
  ): Promise<Awaited<T>> {
    for (;;) {
      const { plans } = await this.#alive();
      const executors = await Promise.all(requests.map(async (request) => plans.get(request, false, signal)));
      // Other calls may have taken their place meanwhile.
      if (executors.some(({ isDisposed }) => isDisposed)) continue;
      return await work(...(executors as { [I in keyof R]: Executor }));
    }
  }

  /** Frees all GPU memory of this checkpoint, and the device unless the caller brought it. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#live.catch(() => {});
    if (this.#current) this.#close(this.#current);
    void this.#checkpoint.close();
  }

  async #open(): Promise<Live> {
    const device = this.#given ?? (await openDevice());
    const planned = await planOptions(this.#type, device).catch((error) => {
      if (!this.#given) device.destroy();
      throw error;
    });
    const store = new WeightStore(device, this.#checkpoint);
    const live = { device, store, planned, plans: new PlanCache(device, store, planned) };
    this.#current = live;
    return live;
  }

  async #alive(): Promise<Live> {
    if (this.#isDisposed) throw new DisposedError("this model was disposed; load it again with fromPretrained");
    const live = await this.#live;
    if (!live.device.lost || this.#given) return live;
    // Whoever comes first opens the new device; calls that come meanwhile wait for the same one.
    if (this.#current === live) {
      this.#close(live);
      this.#current = undefined;
      this.#live = this.#open();
    }
    return this.#live;
  }

  #close({ device, store, plans }: Live): void {
    plans.dispose();
    store.dispose();
    if (!this.#given) device.destroy();
  }
}

/** Models on one GPUDevice of the caller's share what we keep of it: pipelines, and the count of memory. */
const wrapped = new WeakMap<GPUDevice, Device>();

function givenDevice(device: Device | GPUDevice | undefined): Device | undefined {
  if (!device || device instanceof Device) return device;
  const made = wrapped.get(device) ?? Device.from(device);
  wrapped.set(device, made);
  return made;
}
