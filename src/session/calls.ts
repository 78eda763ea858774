// Calls of a model's methods, and what ends them early.

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
  readonly running = new Set<AbortController>();

  /**
   * Begins a call: its signal is aborted by the caller's, with the same reason, and by `end`. AbortSignal.any would
   * leave something with a signal of the caller's that lives long, at every call.
   */
  begin(signal?: AbortSignal): { readonly signal: AbortSignal; over(): void } {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    this.running.add(controller);
    const over = () => {
      signal?.removeEventListener("abort", onAbort);
      this.running.delete(controller);
    };
    return { signal: controller.signal, over };
  }

  /** Ends all of them. */
  end(reason: Error): void {
    for (const controller of this.running) controller.abort(reason);
    this.running.clear();
  }
}
