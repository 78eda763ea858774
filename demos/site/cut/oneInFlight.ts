// Work that follows the pointer: one call runs at a time, and of the calls made meanwhile only the latest runs next.

type Work = (signal: AbortSignal) => Promise<void>;

export class OneInFlight {
  #running: AbortController | undefined;
  #next: Work | undefined;

  ask(work: Work): void {
    this.#next = work;
    if (!this.#running) void this.#run();
  }

  /** Forgets the call that waits, and aborts the one that runs. */
  stop(): void {
    this.#next = undefined;
    this.#running?.abort(new DOMException("something newer is wanted", "AbortError"));
  }

  async #run(): Promise<void> {
    while (this.#next) {
      const work = this.#next;
      this.#next = undefined;
      this.#running = new AbortController();
      await work(this.#running.signal).catch(() => {}); // a preview that fails is a preview less
    }
    this.#running = undefined;
  }
}
