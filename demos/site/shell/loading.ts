// One model at a time on a page: a new one takes the place of the old one when it is ready, and not before; what fails
// or is cancelled leaves the old one in place.
import type { SourceLike } from "../engine.ts";
import { bytes } from "./format.ts";
import { Progress } from "./progress.ts";

export interface LoadOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { file: string; loaded: number; total: number }) => void;
  readonly cache: true;
  readonly dtype: "f32" | "f16";
}

export interface Disposable {
  dispose(): void;
}

/** Downloads and compiles, with a bar that shows both. */
export class Loading<M extends Disposable> {
  readonly progress = new Progress();
  readonly #load: (from: SourceLike, options: LoadOptions) => Promise<M>;
  model: M | undefined;
  #turn = 0;
  #abort: AbortController | undefined;

  constructor(load: (from: SourceLike, options: LoadOptions) => Promise<M>) {
    this.#load = load;
  }

  /**
   * Loads a model, in place of one that may be loading. `total` is the size of all files, where it is known.
   *
   * @returns The model, or undefined when another `run` came later.
   */
  async run(from: SourceLike, name: string, dtype: "f32" | "f16", total?: number): Promise<M | undefined> {
    const turn = ++this.#turn;
    this.#abort?.abort(new DOMException("another model was chosen", "AbortError"));
    const controller = new AbortController();
    this.#abort = controller;
    const signal = AbortSignal.any([controller.signal, this.progress.start(`${name}: opening`)]);
    try {
      const onProgress = this.#watch(name, turn, total);
      const model = await this.#load(from, { signal, onProgress, cache: true, dtype });
      if (turn !== this.#turn || signal.aborted) {
        model.dispose();
        signal.throwIfAborted();
        return undefined;
      }
      this.model?.dispose();
      this.model = model;
      return model;
    } finally {
      if (turn === this.#turn) this.progress.done();
    }
  }

  #watch(name: string, turn: number, total?: number): LoadOptions["onProgress"] {
    const files = new Map<string, { loaded: number; total: number }>();
    return ({ file, loaded, total: size }) => {
      if (turn !== this.#turn) return;
      files.set(file, { loaded, total: size });
      const sum = (key: "loaded" | "total") => [...files.values()].reduce((all, each) => all + each[key], 0);
      const all = Math.max(total ?? 0, sum("total"));
      const isDone = loaded === size && file.endsWith(".safetensors") && sum("loaded") >= 0.98 * all;
      if (isDone) this.progress.update(`${name}: compiling for this GPU`);
      else this.progress.update(`${name}: ${bytes(sum("loaded"))} of ${bytes(all)}`, sum("loaded") / all);
    };
  }
}
