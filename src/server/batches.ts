// Requests that come while the GPU is at work run together when it is free: no request waits for others to come, and
// the more of them there are the larger the batches get.

/** One of a batch: what to do, and whom to tell. */
export interface Waiting<Item, Result> {
  readonly item: Item;
  readonly signal: AbortSignal;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** Runs a batch and settles each of it. The signal is aborted when nobody waits for any of them. */
export type RunBatch<Item, Result> = (batch: readonly Waiting<Item, Result>[], signal: AbortSignal) => Promise<void>;

export interface BatchesOptions {
  /** Most items in a batch. */
  readonly most: number;
  /** Batches under way at once: with two, the pictures of one are decoded while the GPU has the other. */
  readonly atOnce: number;
  /** Told how many there are in each batch. */
  readonly onBatch?: (items: number) => void;
}

interface Queued<Item, Result> extends Waiting<Item, Result> {
  readonly key: string;
}

/** Items that wait, in the order in which they came, and the batches that they run in. */
export class Batches<Item, Result> {
  readonly #run: RunBatch<Item, Result>;
  readonly #options: BatchesOptions;
  readonly #queue: Queued<Item, Result>[] = [];
  #running = 0;
  #isWoken = false;

  constructor(run: RunBatch<Item, Result>, options: BatchesOptions) {
    this.#run = run;
    this.#options = options;
  }

  /**
   * Runs an item with others of the same key.
   *
   * @throws What the batch rejects it with; the signal's reason, at once, when it is aborted.
   */
  add(item: Item, { signal, key = "" }: { readonly signal: AbortSignal; readonly key?: string }): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        const at = this.#queue.indexOf(queued);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(signal.reason);
      };
      const over = () => signal.removeEventListener("abort", onAbort);
      const queued: Queued<Item, Result> = {
        item,
        key,
        signal,
        resolve: (result) => {
          over();
          resolve(result);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(queued);
      this.#wake();
    });
  }

  /** Later in this turn of the event loop, when all that came in it has been added. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      while (this.#running < this.#options.atOnce && this.#queue.length > 0) void this.#begin();
    });
  }

  async #begin(): Promise<void> {
    const batch = this.#take();
    const abandoned = new AbortController();
    const onAbort = () => {
      if (batch.every(({ signal }) => signal.aborted)) abandoned.abort(batch[0]?.signal.reason);
    };
    for (const { signal } of batch) signal.addEventListener("abort", onAbort);
    this.#running++;
    this.#options.onBatch?.(batch.length);
    try {
      await this.#run(batch, abandoned.signal);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      for (const { signal } of batch) signal.removeEventListener("abort", onAbort);
      this.#running--;
      this.#wake();
    }
  }

  /** The oldest item, with the others of its key that there is room for. */
  #take(): Queued<Item, Result>[] {
    const key = this.#queue[0]?.key;
    const batch = this.#queue.filter((queued) => queued.key === key).slice(0, this.#options.most);
    for (const queued of batch) this.#queue.splice(this.#queue.indexOf(queued), 1);
    return batch;
  }
}
