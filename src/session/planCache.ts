// The plans of a session, of which the most recent are kept. A plan that a caller holds goes only when many others came
// after it; one that is used at once, as those for pictures of one size are, also goes when such plans take more than
// their share of the GPU's memory.
import type { Device } from "../device/device.ts";
import { Executor } from "../graph/executor.ts";
import { Graph } from "../graph/graph.ts";
import { type Plan, type PlanOptions, plan } from "../graph/plan.ts";
import { checkSizes } from "../graph/preparedPlan.ts";
import { SlotPool } from "../graph/slotPool.ts";
import { staticBytes, weightsOf } from "../graph/statics.ts";
import { WeightStore } from "../graph/store.ts";

/** Records a computation into an empty graph. */
export type Build = (graph: Graph) => void;

/** A plan to be had; `key` stands for what `build` records. */
export interface PlanRequest {
  readonly key: string;
  readonly build: Build;
}

// Of each kind, with weights and without.
const MOST_PLANS = 32;

// Of the plans that nobody holds. Those without weights (a picture's preprocessing) are made again in milliseconds.
const MOST_BYTES = { withWeights: 512 << 20, withoutWeights: 64 << 20 } as const;

interface Entry {
  readonly executor: Promise<Executor>;
  /** The executor once it is made, so that it can be disposed at once. */
  made?: Executor;
  /** Constants that belong to this plan alone: it has no weights. */
  readonly store?: WeightStore;
  /** What it takes on the GPU by itself, weights aside: the most that it adds to the pool. */
  readonly bytes: number;
  /** Somebody may use it later without asking again. */
  isHeld: boolean;
}

export class PlanCache {
  readonly #device: Device;
  readonly #store: WeightStore;
  readonly #planned: PlanOptions;
  /** Of the plans with weights: no submit runs two of them. */
  readonly #pool: SlotPool;
  readonly #entries = new Map<string, Entry>();

  constructor(device: Device, store: WeightStore, planned: PlanOptions) {
    this.#device = device;
    this.#store = store;
    this.#planned = planned;
    this.#pool = new SlotPool(device);
  }

  /** A plan, made at its first use. One that is not held may be disposed as soon as others are asked for. */
  get({ key, build }: PlanRequest, isHeld: boolean, signal?: AbortSignal): Promise<Executor> {
    let entry = this.#entries.get(key);
    if (!entry) {
      const made = this.#make(planOf(build, this.#device, this.#planned), signal);
      made.executor.catch(() => {
        if (this.#entries.get(key) === made) this.#entries.delete(key);
      });
      entry = made;
    }
    entry.isHeld ||= isHeld;
    // The most recent last.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#evict();
    return entry.executor;
  }

  dispose(): void {
    for (const entry of this.#entries.values()) disposeEntry(entry);
    this.#entries.clear();
  }

  #make(made: Plan, signal?: AbortSignal): Entry {
    const values = [...made.statics.values()];
    const hasWeights = values.some((value) => weightsOf(value).length > 0);
    const own = hasWeights ? undefined : new WeightStore(this.#device, { name: "", tensors: new Map() });
    const store = own ?? this.#store;
    const pool = own ? undefined : this.#pool;
    const executor = store.load(values, signal).then(() => Executor.create(this.#device, made, store, pool));
    const constants = own ? values.map(staticBytes) : [];
    const bytes = [...made.slots, ...constants].reduce((sum, size) => sum + size, 0);
    const entry: Entry = { executor, bytes, isHeld: false, ...(own && { store: own }) };
    executor.then(
      (ready) => {
        entry.made = ready;
      },
      () => own?.dispose(),
    );
    return entry;
  }

  #evict(): void {
    const kept = { withWeights: { count: 0, bytes: 0 }, withoutWeights: { count: 0, bytes: 0 } };
    for (const [key, entry] of [...this.#entries].reverse()) {
      const kind = entry.store ? "withoutWeights" : "withWeights";
      const { count, bytes } = kept[kind];
      // The most recent of a kind stays, however large.
      const isTooMuch = !entry.isHeld && bytes > 0 && bytes + entry.bytes > MOST_BYTES[kind];
      if (isTooMuch || count === MOST_PLANS) {
        this.#entries.delete(key);
        disposeEntry(entry);
        continue;
      }
      kept[kind].count++;
      if (!entry.isHeld) kept[kind].bytes += entry.bytes;
    }
  }
}

/** A graph made ready; throws LimitError where the device cannot hold it, before any weight is made for it. */
export function planOf(build: Build, device: Device, planned: PlanOptions): Plan {
  const graph = new Graph();
  build(graph);
  const made = plan(graph, device, planned);
  checkSizes(device, made);
  return made;
}

function disposeEntry(entry: Entry): void {
  const dispose = (executor: Executor) => {
    executor.dispose();
    entry.store?.dispose();
  };
  if (entry.made) dispose(entry.made);
  else entry.executor.then(dispose, () => {});
}
