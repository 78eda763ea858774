// The plans of a session, of which the most recent are kept, within bounds of number and of bytes. What stands for a
// plan is the key of the part that it was made of.
import type { Device } from "../device/device.ts";
import { Executor } from "../graph/executor.ts";
import type { Graph } from "../graph/graph.ts";
import { type Plan, type PlanOptions, plan } from "../graph/plan.ts";
import { checkSizes } from "../graph/preparedPlan.ts";
import { SlotPool } from "../graph/slotPool.ts";
import { staticBytes, weightsOf } from "../graph/statics.ts";
import { WeightStore } from "../graph/store.ts";
import type { HostInputs } from "../models/family.ts";
import { graphOf, type Part } from "../models/part.ts";
import type { Weights } from "../models/weights.ts";

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

// Plans without weights (a picture's preprocessing) are made again in milliseconds.
const MOST_BYTES = { withWeights: 512 << 20, withoutWeights: 64 << 20 } as const;

interface Entry {
  readonly executor: Promise<Executor>;
  /** The executor once it is ready, so that it can be disposed at once. */
  ready?: Executor;
  /** Constants that belong to this plan alone: it has no weights. */
  readonly store?: WeightStore;
  /** What it takes on the GPU by itself, weights aside: the most that it adds to the pool. */
  readonly bytes: number;
}

export class PlanCache {
  readonly #device: Device;
  readonly #store: WeightStore;
  readonly #weightsOf: WeightsOf;
  readonly #planOptions: PlanOptions;
  /** Of the plans with weights: no submit runs two of them. */
  readonly #pool: SlotPool;
  /** Gives the error for an output of a part that holds NaN or infinity. */
  readonly #nonFinite: NonFinite;
  readonly #entries = new Map<string, Entry>();

  constructor(
    device: Device,
    store: WeightStore,
    weightsOf: WeightsOf,
    planOptions: PlanOptions,
    nonFinite: NonFinite,
  ) {
    this.#nonFinite = nonFinite;
    this.#device = device;
    this.#store = store;
    this.#weightsOf = weightsOf;
    this.#planOptions = planOptions;
    this.#pool = new SlotPool(device);
  }

  /** The plans of parts, made at their first use. They may be disposed as soon as others are asked for. */
  get(parts: readonly Part[], signal?: AbortSignal): Promise<Executor[]> {
    const entries = parts.map((part) => this.#entry(part, signal));
    this.#evict(new Set(entries));
    return Promise.all(entries.map(({ executor }) => executor));
  }

  /** A part made ready; throws LimitError where the device cannot hold it, before any weight is loaded for it. */
  plan(part: Part): Plan {
    const planned = plan(graphOf(part, this.#weightsOf), this.#device, this.#planOptions);
    checkSizes(this.#device, planned);
    return planned;
  }

  dispose(): void {
    for (const entry of this.#entries.values()) disposeEntry(entry);
    this.#entries.clear();
  }

  /** The entry of a part, the most recent one from here on. */
  #entry(part: Part, signal?: AbortSignal): Entry {
    const { key } = part;
    const entry = this.#entries.get(key) ?? this.#add(part, signal);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.executor.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return entry;
  }

  #add(part: Part, signal?: AbortSignal): Entry {
    const planned = this.plan(part);
    const nonFinite = (output: string, inputs: HostInputs) => this.#nonFinite({ part, output, inputs });
    const values = [...planned.statics.values()];
    const hasWeights = values.some((value) => weightsOf(value).length > 0);
    const constants = hasWeights ? undefined : new WeightStore(this.#device, { name: "", tensors: new Map() });
    const store = constants ?? this.#store;
    const pool = constants ? undefined : this.#pool;
    const executor = store
      .load(values, signal)
      .then(() => Executor.create(this.#device, planned, store, { pool, nonFinite }));
    const sizes = [...planned.slots, ...(constants ? values.map(staticBytes) : [])];
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const entry: Entry = { executor, bytes, ...(constants && { store: constants }) };
    executor.then(
      (ready) => {
        entry.ready = ready;
      },
      () => constants?.dispose(),
    );
    return entry;
  }

  /** Disposes of the oldest, but for those that are used together now. */
  #evict(used: ReadonlySet<Entry>): void {
    const kept = { withWeights: { count: 0, bytes: 0 }, withoutWeights: { count: 0, bytes: 0 } };
    for (const [key, entry] of [...this.#entries].reverse()) {
      const kind = entry.store ? "withoutWeights" : "withWeights";
      const { count, bytes } = kept[kind];
      const isTooMuch = bytes + entry.bytes > MOST_BYTES[kind] || count >= MOST_PLANS;
      if (isTooMuch && !used.has(entry)) {
        this.#entries.delete(key);
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
