// Calls of a model's methods, from their start to their end: what ends a call early, and work that several calls wait for.

/** The work's result, or the signal's reason as soon as that is aborted: the work is left to itself then. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** The calls that are under way. */
export class Calls {
  readonly #running = new Set<AbortController>();

  /**
   * Begins a call: its signal is aborted by the caller's, with the same reason, and by `end`. AbortSignal.any would
   * leave something with a signal of the caller's that lives long, at every call.
   */
  begin(signal?: AbortSignal): { readonly signal: AbortSignal; over(): void } {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    this.#running.add(controller);
    const over = () => {
      signal?.removeEventListener("abort", onAbort);
      this.#running.delete(controller);
    };
    return { signal: controller.signal, over };
  }

  /** Ends all of them. */
  end(reason: Error): void {
    for (const controller of this.#running) controller.abort(reason);
    this.#running.clear();
  }
}

/** Work that several calls wait for: no call's signal ends it but that of the last one that waits. */
export class SharedWork<T> {
  readonly #controller = new AbortController();
  readonly #result: Promise<T>;
  #waiting = 0;
  #isSettled = false;

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.#result = start(this.#controller.signal);
    const settled = () => {
      this.#isSettled = true;
    };
    this.#result.then(settled, settled);
  }

  /** All who waited have aborted: whoever comes now begins anew. */
  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Waits for the result; rejects with the signal's reason when that is aborted before. */
  async wait(signal?: AbortSignal): Promise<T> {
    this.#waiting++;
    // At once, so that nobody who comes next joins work that ends.
    const leave = () => {
      if (--this.#waiting === 0 && !this.#isSettled) this.#controller.abort(signal?.reason);
    };
    if (signal?.aborted) leave();
    else signal?.addEventListener("abort", leave, { once: true });
    try {
      return await abortable(this.#result, signal);
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
}
