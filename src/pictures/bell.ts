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
