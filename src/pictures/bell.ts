// Waiting without leaving anything behind: Promise.race against a promise that never settles would keep every waiter.

/** Wakes the one who waits. Nobody who looks first and then waits, without awaiting between, misses a ring. */
export class Bell {
  #wake = () => {};

  ring(): void {
    this.#wake();
  }

  /** Resolves at the next ring. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

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
