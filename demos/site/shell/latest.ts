// Work that follows what somebody types: it waits for a pause, and an older piece gives way to a newer one.
import { fail, isAbort } from "./messages.ts";

export class Latest {
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Runs `work` after a pause unless another `run` comes first; its signal aborts when one comes later. */
  run(work: (signal: AbortSignal) => Promise<void>, pause = 150): void {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    this.#timer = setTimeout(() => {
      work(controller.signal).catch((error) => {
        if (!controller.signal.aborted && !isAbort(error)) fail(error);
      });
    }, pause);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#controller?.abort(new DOMException("something newer is wanted", "AbortError"));
  }
}
