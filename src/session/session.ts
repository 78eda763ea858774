// A loaded checkpoint on a device: its weights, and plans by input shape, of which the most recent are kept. When the
// device is lost, the next call opens a new one and reads the checkpoint again.

import { Device } from "../device/device.ts";
import { DisposedError } from "../device/errors.ts";
import { openDevice } from "../device/open.ts";
import type { Executor } from "../graph/executor.ts";
import type { Graph } from "../graph/graph.ts";
import type { Plan, PlanOptions, PlanSummary } from "../graph/plan.ts";
import { WeightStore } from "../graph/store.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { isCpu } from "../kernels/variants.ts";
import type { FamilyModel, FloatType } from "../models/family.ts";
import type { Part } from "../models/part.ts";
import { Weights } from "../models/weights.ts";
import { abortable, Calls } from "./calls.ts";
import type { ModelHealth } from "./health.ts";
import { type Live, type NonFiniteRun, PlanCache } from "./planCache.ts";

/**
 * Type of weights and activations: `f32`; `f16` with sums in f32, where the adapter has shader-f16; or `q8`, which is
 * f32 but for the weights: they are int8 with an f32 unit a channel, a quarter of the GPU memory.
 */
export type ModelDType = "f32" | "f16" | "q8";

const MODEL_DTYPES: readonly ModelDType[] = ["f32", "f16", "q8"];

/** What plans of a type need on a device, loaded on demand: int8 weights, and convolutions with less arithmetic. */
export async function planOptions(dtype: ModelDType, { info }: Pick<Device, "info">): Promise<PlanOptions> {
  const rewrites = [];
  if (dtype === "q8") rewrites.push((await import("../graph/rewrites/quantise.ts")).quantise);
  // These GPUs do some 30 FLOP in the time of a byte from memory. Others do twice as many, for which it does not pay.
  const balance = /apple|intel|qualcomm/.test(info.class) ? 30 : 0;
  if (isCpu(info.class) || balance) {
    const { winograd } = await import("../graph/rewrites/winograd.ts");
    rewrites.push((graph: Graph) => winograd(graph, balance));
  }
  return { rewrites };
}

/** The type that a model computes in. */
export function computedIn(dtype: ModelDType): FloatType {
  return dtype === "q8" ? "f32" : dtype;
}

/** Where and in which type a model computes. */
export interface SessionOptions extends Omit<OpenSessionOptions, "dtype"> {
  /**
   * Type of weights and activations; "f32" when absent. "auto" is f16 where the adapter has it and the model agrees in
   * it with f32, which is tried on an example of each of its parts while loading; else f32.
   */
  readonly dtype?: ModelDType | "auto";
}

/** Where and in which type a session computes. */
export interface OpenSessionOptions {
  /** A device of ours or the caller's own GPUDevice; opened, and closed by dispose, when absent. */
  readonly device?: Device | GPUDevice;
  /**
   * Most bytes on the GPU, of the device that is opened for the model: what needs more is a LimitError before anything
   * is allocated. A device of the caller's has its own (`openDevice`).
   */
  readonly memoryBudget?: number | undefined;
  /** Type of weights and activations; "f32" when absent. */
  readonly dtype?: ModelDType | undefined;
  /**
   * Looks for NaN and infinity in all that runs give, also in what stays on the GPU (`keepOnGpu`, SAM's scenes), which
   * is read back for it: slower, to find a fault. What comes to the host is always looked at.
   */
  readonly checkFinite?: boolean | undefined;
  /**
   * Measures the kernels' variants on this adapter while loading, for about so many seconds (true: 5), and keeps what
   * it found for the next time. Without it the choice depends on the adapter's class and the shapes alone.
   */
  readonly tune?: boolean | number;
  /** Cancels loading: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a session needs of a model: how its checkpoint names tensors, and what to try when results are no numbers. */
export type SessionModel = Partial<Pick<FamilyModel, "naming" | "examples">>;

export class Session {
  /** Type of inputs and activations. */
  readonly dtype: FloatType;
  /** Type of the model: that, or q8. */
  readonly modelDType: ModelDType;
  readonly #checkpoint: Checkpoint;
  readonly #model: SessionModel;
  readonly #given: Device | undefined;
  readonly #options: OpenSessionOptions;
  readonly #tuneSeconds: number;
  readonly #calls = new Calls();
  /** Undefined before the first opening and after one that failed: what failed once may do later. */
  #live: Promise<Live> | undefined;
  #current: Live | undefined;
  /** Devices opened so far. */
  #opens = 0;
  #lastError: Error | undefined;
  #isDisposed = false;

  private constructor(checkpoint: Checkpoint, model: SessionModel, options: OpenSessionOptions) {
    this.modelDType = options.dtype ?? "f32";
    this.dtype = computedIn(this.modelDType);
    this.#checkpoint = checkpoint;
    this.#model = model;
    this.#given = givenDevice(options.device);
    this.#options = options;
    this.#tuneSeconds = typeof options.tune === "number" ? options.tune : options.tune ? 5 : 0;
  }

  /**
   * Opens the device and checks that it can compute in the wanted type. The checkpoint is the session's from here on.
   */
  static async open(
    checkpoint: Checkpoint,
    model: SessionModel = {},
    options: OpenSessionOptions = {},
  ): Promise<Session> {
    const { dtype = "f32" } = options;
    if (!MODEL_DTYPES.includes(dtype) || (options.device && options.memoryBudget !== undefined)) {
      throw (await import("./wrongOptions.ts")).wrongOptions(MODEL_DTYPES, dtype);
    }
    const session = new Session(checkpoint, model, options);
    try {
      const { device } = await session.#alive(options.signal);
      if (dtype !== "f16" || device.hasF16) return session;
      throw (await import("./wrongOptions.ts")).noShaderF16(device);
    } catch (error) {
      session.dispose(); // also of a device that opens after an abort
      throw error;
    }
  }

  /**
   * Runs a call of the model's: its signal is aborted by the caller's, and when the model is disposed of. Then the call
   * rejects with the reason at once; what the work still gives is passed to `discard`.
   */
  async call<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
    discard: (result: T) => void = () => {},
  ): Promise<T> {
    const call = this.begin(signal);
    const working = work(call.signal);
    working.then(
      (result) => {
        if (call.signal.aborted) discard(result);
      },
      () => {},
    );
    try {
      const result = await abortable(working, call.signal);
      call.signal.throwIfAborted();
      return result;
    } finally {
      call.over();
    }
  }

  /** As `call`, of a call whose end is told by `over`. */
  begin(signal?: AbortSignal): ReturnType<Calls["begin"]> {
    this.#check();
    return this.#calls.begin(signal);
  }

  /** What state the session is in; opens nothing. */
  async health(): Promise<ModelHealth> {
    const { healthOf } = await import("./health.ts");
    const state = this.#isDisposed ? "disposed" : this.#live && "opening";
    return healthOf(state, this.#current, this.#opens, this.#calls, this.#lastError);
  }

  /** The device in use; a new one after a loss. */
  async device(): Promise<Device> {
    return (await this.#alive()).device;
  }

  /** Loads the weights of several parts in one pass over the checkpoint. */
  async load(parts: readonly Part[], signal?: AbortSignal): Promise<void> {
    const { device, store, plans } = await this.#alive(signal);
    const planned = parts.map((part) => plans.plan(part));
    if (this.#tuneSeconds > 0) {
      const { tunePlans } = await import("./tuneSession.ts");
      await tunePlans(device, planned, { seconds: this.#tuneSeconds, signal });
    }
    await store.load(
      planned.flatMap(({ statics }) => [...statics.values()]),
      signal,
    );
  }

  /** Loads parts and makes their plans ready. */
  async prepare(parts: readonly Part[], signal?: AbortSignal): Promise<void> {
    await this.load(parts, signal);
    await Promise.all(parts.map((part) => this.use([part], () => {}, signal)));
  }

  /**
   * Calls `work` with an executor for each part, and gives what it gives. They are alive until it returns: it has
   * recorded and submitted its commands by then.
   */
  async use<const Parts extends readonly Part[], T>(
    parts: Parts,
    work: (...executors: { [I in keyof Parts]: Executor }) => T,
    signal?: AbortSignal,
  ): Promise<Awaited<T>> {
    try {
      for (;;) {
        const live = await this.#alive(signal);
        let run = work as (...executors: Executor[]) => Awaited<T> | Promise<Awaited<T>>;
        if (this.#options.checkFinite) run = (await import("./checkOutputs.ts")).checking(live, parts, run);
        const used = await live.plans.use(parts, run, signal);
        if (used) return await used[0];
      }
    } catch (error) {
      if (!signal?.aborted) this.#lastError = error as Error;
      throw error;
    }
  }

  /** Whether the device can bind what a part needs. */
  async fits(part: Part): Promise<boolean> {
    return (await this.#alive()).plans.fits(part);
  }

  /** A part made ready for the device; throws LimitError where that cannot hold it. Nothing is loaded. */
  async plan(part: Part): Promise<Plan> {
    return (await this.#alive()).plans.plan(part);
  }

  /** What a part costs, with the session's types and rewrites. Nothing is loaded. */
  async summary(part: Part): Promise<PlanSummary> {
    return (await this.plan(part)).summary();
  }

  /** Frees all GPU memory of this checkpoint, and the device unless the caller brought it. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // Before the device goes, so that calls under way do not take it for lost.
    this.#calls.end(disposed());
    if (this.#current) this.#close(this.#current);
    void this.#checkpoint.close();
  }

  async #open(): Promise<Live> {
    const device = this.#given ?? (await openDevice({ memoryBudget: this.#options.memoryBudget }));
    let options: PlanOptions;
    try {
      options = await planOptions(this.modelDType, device);
      this.#check(); // or the device of a model that went meanwhile would stay
    } catch (error) {
      if (!this.#given) device.destroy();
      throw error;
    }
    const store = new WeightStore(device, this.#checkpoint);
    const weightsOf = (graph: Graph) => Weights.of(graph, this.#checkpoint, this.dtype, this.#model.naming);
    const nonFinite = (run: NonFiniteRun) => this.#explain(live, run);
    const live: Live = { device, store, plans: new PlanCache(device, store, weightsOf, options, nonFinite) };
    this.#current = live;
    this.#opens++;
    return live;
  }

  /** The error for a result that is no number. */
  async #explain({ device, store, plans }: Live, run: NonFiniteRun): Promise<Error> {
    const [checkpoint, dtype] = [this.#checkpoint, this.modelDType];
    const examples = this.#model.examples?.(this.dtype) ?? {};
    const suspect = { device, store, checkpoint, dtype, examples, plan: (some: Part) => plans.plan(some) };
    return (await import("./explainNonFinite.ts")).explainNonFinite(suspect, run);
  }

  async #alive(signal?: AbortSignal): Promise<Live> {
    this.#check();
    const live = await abortable(this.#opened(), signal);
    if (!live.device.lost || this.#given) return live;
    // Whoever comes first opens the new device; calls that come meanwhile wait for the same one.
    if (this.#current === live) {
      this.#close(live);
      this.#current = undefined;
      this.#live = undefined;
    }
    return abortable(this.#opened(), signal);
  }

  /** The opening that all calls wait for; no call's signal ends it. */
  #opened(): Promise<Live> {
    if (this.#live) return this.#live;
    const opening = this.#open();
    this.#live = opening;
    opening.catch((error) => {
      this.#lastError = error;
      if (this.#live === opening) this.#live = undefined;
    });
    return opening;
  }

  #check(): void {
    if (this.#isDisposed) throw disposed();
  }

  #close({ device, store, plans }: Live): void {
    plans.dispose();
    store.dispose();
    if (!this.#given) device.destroy();
  }
}

function disposed(): DisposedError {
  return new DisposedError("this model was disposed; load it again with fromPretrained");
}

/** Models on one GPUDevice of the caller's share what we keep of it: pipelines, and the count of memory. */
const wrapped = new WeakMap<GPUDevice, Device>();

function givenDevice(device: Device | GPUDevice | undefined): Device | undefined {
  if (!device || device instanceof Device) return device;
  const known = wrapped.get(device) ?? Device.from(device);
  wrapped.set(device, known);
  return known;
}
