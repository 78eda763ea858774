// The plans of a session, of which the most recent are kept, within bounds of number and of bytes. What stands for a
// plan is the key of the part that it was made of.
import type { Device } from "../device/device.ts";
import { LimitError } from "../device/errors.ts";
import type { HostInputs } from "../graph/executor.ts";
import { Executor } from "../graph/executor.ts";
import type { Graph } from "../graph/graph.ts";
import { type Plan, type PlanOptions, plan } from "../graph/plan.ts";
import { checkSizes } from "../graph/preparedPlan.ts";
import { readbackBytes } from "../graph/readback.ts";
import { SlotPool } from "../graph/slotPool.ts";
import { staticBytes, weightsOf } from "../graph/statics.ts";
import { WeightStore } from "../graph/store.ts";
import { graphOf, type Part } from "../models/part.ts";
import type { Weights } from "../models/weights.ts";
import { abortable } from "./calls.ts";

/** A run whose result holds NaN or infinity: its part, the result's name, and the inputs from the host. */
export interface NonFiniteRun {
  readonly part: Part;
  readonly output: string;
  readonly inputs: HostInputs;
}

/** Gives the error for such a run. */
export type NonFinite = (run: NonFiniteRun) => Promise<Error>;

/** The checkpoint's tensors as values of a graph. */
export type WeightsOf = (graph: Graph) => Weights;

// Of each kind, with weights and without.
const MOST_PLANS = 32;

/**
 * Bytes on the GPU of the plans that are kept while nobody uses them, readback buffers among them. Plans without
 * weights are a picture's: its preprocessing, its masks and their stability, a plan for every size of picture, and made
 * again in milliseconds. The latest plan with weights is kept whatever it takes.
 */
const MOST_BYTES = { withWeights: 512 << 20, withoutWeights: 64 << 20 } as const;

/** A plan that is kept, or being made. */
export interface Entry {
  readonly executor: Promise<Executor>;
  /** Ends its making: no call's signal does that, but when all calls that wait for it are over. */
  readonly making: AbortController;
  /** The executor once it is ready, so that it can be disposed at once. */
  ready?: Executor;
  /** Calls that wait for it, or record with it: it is not disposed of before. */
  users: number;
  /** Constants that belong to this plan alone: it has no weights. */
  readonly store?: WeightStore;
  /** What it takes on the GPU by itself, weights aside: the most that it adds to the pool, and a readback buffer. */
  readonly bytes: number;
}

/** A device and what is on it of a model: a lost one takes all with it. */
export interface Live {
  readonly device: Device;
  readonly store: WeightStore;
  readonly plans: PlanCache;
}

export class PlanCache {
  readonly #device: Device;
  readonly #store: WeightStore;
  readonly #weightsOf: WeightsOf;
  readonly #planOptions: PlanOptions;
  /** Of the plans with weights: no submit runs two of them. */
  readonly pool: SlotPool;
  /** Gives the error for an output of a part that holds NaN or infinity. */
  readonly nonFinite: NonFinite;
  /** By the keys of their parts, the most recent last. */
  readonly entries = new Map<string, Entry>();

  constructor(
    device: Device,
    store: WeightStore,
    weightsOf: WeightsOf,
    planOptions: PlanOptions,
    nonFinite: NonFinite,
  ) {
    this.nonFinite = nonFinite;
    this.#device = device;
    this.#store = store;
    this.#weightsOf = weightsOf;
    this.#planOptions = planOptions;
    this.pool = new SlotPool(device);
  }

  /**
   * Gives `work` the plans of parts, which are made at their first use. They may be disposed of when it has returned:
   * what it does with them is submitted by then. Undefined when all plans went meanwhile, with their device. What it
   * gives is to be awaited: it rejects with what WebGPU reports of the work. Then all plans are made anew, as buffers
   * of theirs may be missing, and what lacked memory has some.
   */
  async use<T>(
    parts: readonly Part[],
    work: (...executors: Executor[]) => T,
    signal?: AbortSignal,
  ): Promise<[result: Promise<Awaited<T>>] | undefined> {
    const entries = parts.map((part) => this.#entry(part));
    for (const entry of entries) entry.users++;
    try {
      this.#evict();
      const making = Promise.all(entries.map(({ executor }) => executor));
      const executors = await abortable(making, signal);
      if (executors.some(({ isDisposed }) => isDisposed)) return undefined;
      const { value, problem } = this.#device.own(() => work(...executors));
      return [this.#settled(value, problem)];
    } finally {
      for (const [i, entry] of entries.entries()) this.#leave((parts[i] as Part).key, entry, signal?.reason);
      this.#evict();
    }
  }

  async #settled<T>(result: T, problem: Promise<Error | undefined>): Promise<Awaited<T>> {
    Promise.resolve(result).catch(() => {}); // told below
    const failure = await problem;
    if (failure) {
      this.dispose();
      throw failure;
    }
    return await result;
  }

  /** A part made ready; throws LimitError where the device cannot hold it, before any weight is loaded for it. */
  plan(part: Part): Plan {
    const planned = plan(graphOf(part, this.#weightsOf), this.#device, this.#planOptions);
    checkSizes(this.#device, planned);
    return planned;
  }

  /** Whether the device can bind what a part needs. */
  fits(part: Part): boolean {
    if (this.entries.has(part.key)) return true;
    try {
      this.plan(part);
      return true;
    } catch (error) {
      if (error instanceof LimitError) return false;
      throw error;
    }
  }

  dispose(): void {
    for (const entry of this.entries.values()) disposeEntry(entry);
    this.entries.clear();
  }

  /** The entry of a part, the most recent one from here on. */
  #entry(part: Part): Entry {
    const { key } = part;
    const entry = this.entries.get(key) ?? this.#make(part);
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry;
  }

  #make(part: Part): Entry {
    const planned = this.plan(part);
    const nonFinite = (output: string, inputs: HostInputs) => this.nonFinite({ part, output, inputs });
    const values = [...planned.statics.values()];
    const hasWeights = values.some((value) => weightsOf(value).length > 0);
    const constants = hasWeights ? undefined : new WeightStore(this.#device, { name: "", tensors: new Map() });
    const store = constants ?? this.#store;
    const pool = constants ? undefined : this.pool;
    const making = new AbortController();
    const make = async () => {
      try {
        await store.load(values, making.signal);
        const ready = await Executor.create(this.#device, planned, store, { pool, nonFinite });
        if (making.signal.aborted) ready.dispose();
        making.signal.throwIfAborted();
        entry.ready = ready;
        return ready;
      } catch (error) {
        constants?.dispose();
        if (this.entries.get(part.key) === entry) this.entries.delete(part.key);
        throw error;
      }
    };
    const sizes = [...planned.slots, readbackBytes(planned), ...(constants ? values.map(staticBytes) : [])];
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const executor = Promise.resolve().then(make);
    executor.catch(() => {}); // told to those who wait, which may be nobody
    const entry: Entry = { executor, making, users: 0, bytes, ...(constants && { store: constants }) };
    return entry;
  }

  /** A call is over: nobody else makes a plan that none waits for. */
  #leave(key: string, entry: Entry, reason: unknown): void {
    if (--entry.users > 0 || entry.ready) return;
    entry.making.abort(reason);
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }

  /** Disposes of the oldest that nobody uses, beyond what is kept. */
  #evict(): void {
    const kept = { withWeights: { count: 0, bytes: 0 }, withoutWeights: { count: 0, bytes: 0 } };
    for (const [key, entry] of [...this.entries].reverse()) {
      const kind = entry.store ? "withoutWeights" : "withWeights";
      const { count, bytes } = kept[kind];
      const isTooMuch = bytes + entry.bytes > MOST_BYTES[kind] || count >= MOST_PLANS;
      const isLatest = kind === "withWeights" && count === 0;
      if (isTooMuch && !isLatest && entry.users === 0) {
        this.entries.delete(key);
        disposeEntry(entry);
        continue;
      }
      kept[kind].count++;
      kept[kind].bytes += entry.bytes;
    }
  }
}

function disposeEntry(entry: Entry): void {
  const dispose = (executor: Executor) => {
    executor.dispose();
    entry.store?.dispose();
  };
  if (entry.ready) dispose(entry.ready);
  else entry.executor.then(dispose, () => {});
}
