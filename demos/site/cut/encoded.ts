// The picture's embedding on the GPU: computed once for a picture and a model, and again where the GPU was lost.
import type { MaskRecord, Rle, Sam, SamMask, SamScene } from "../engine.ts";
import { duration } from "../shell/format.ts";
import { say } from "../shell/messages.ts";
import type { Progress } from "../shell/progress.ts";
import { recovering } from "../shell/recover.ts";
import { isAmbiguous, type Prompt } from "./history.ts";
import { type Picture, sourceOf } from "./picture.ts";

/** Options of everything mode. */
export interface Search {
  readonly pointsPerSide: number;
  readonly predIouThresh: number;
  readonly stabilityScoreThresh: number;
}

export class Encoded {
  readonly #progress: Progress;
  /** Milliseconds, as the page waited for them. */
  readonly #onTime: (what: "embedding" | "prompt" | "everything", milliseconds: number) => void;
  #sam: Sam | undefined;
  #picture: Picture | undefined;
  #scene: Promise<SamScene> | undefined;
  #abort = new AbortController();

  constructor(progress: Progress, onTime: (what: "embedding" | "prompt" | "everything", ms: number) => void) {
    this.#progress = progress;
    this.#onTime = onTime;
  }

  get isReady(): boolean {
    return this.#sam !== undefined && this.#picture !== undefined;
  }

  /** Whether a prompt is answered without the picture being encoded first. */
  isEncoded = false;

  /** Another model or picture: the embedding of the last one is freed. */
  use(sam: Sam | undefined, picture: Picture | undefined): void {
    this.#forget("another picture or model was chosen");
    this.#sam = sam;
    this.#picture = picture;
  }

  /** Encodes the picture unless that is done. */
  async prepare(): Promise<void> {
    if (this.isReady) await this.#withScene(async () => {});
  }

  /** Masks of a prompt: three where it is ambiguous, else one. */
  async predict(prompt: Prompt, signal?: AbortSignal): Promise<readonly SamMask[]> {
    return this.#withScene(async (scene) => {
      signal?.throwIfAborted();
      const start = performance.now();
      const { points, ...rest } = prompt;
      const shown = { ...rest, ...(points.length > 0 && { points }), multimask: isAmbiguous(prompt) };
      const masks = await scene.predict({ ...shown, ...(signal && { signal }) });
      this.#onTime("prompt", performance.now() - start);
      return masks;
    });
  }

  /** Everything mode. The visitor's button stops it. */
  async everything(search: Search): Promise<readonly MaskRecord<Rle>[]> {
    const { sam, picture } = this.#both();
    const signal = AbortSignal.any([this.#abort.signal, this.#progress.start("Looking for everything")]);
    const start = performance.now();
    const onProgress = ({ done, total }: { done: number; total: number }) =>
      this.#progress.update(`${done} of ${total} points, ${duration(performance.now() - start)}`, done / total);
    try {
      const options = { ...search, outputMode: "rle", signal, onProgress } as const;
      const records = await recovering(() => sam.generateMasks(sourceOf(picture), options));
      this.#onTime("everything", performance.now() - start);
      return records;
    } finally {
      this.#progress.done();
    }
  }

  #both(): { sam: Sam; picture: Picture } {
    if (!this.#sam || !this.#picture) throw new Error("there is no picture yet, or no model");
    return { sam: this.#sam, picture: this.#picture };
  }

  /** Calls with the scene. A scene that was lost together with the GPU is encoded again. */
  #withScene<T>(call: (scene: SamScene) => Promise<T>): Promise<T> {
    return recovering(async () => {
      const making = (this.#scene ??= this.#encode());
      try {
        return await call(await making);
      } catch (error) {
        const isGone = ["DeviceLostError", "WorkerError"].includes((error as Error).name);
        if (isGone && this.#scene === making) {
          this.#scene = undefined;
          this.isEncoded = false;
        }
        throw error;
      }
    });
  }

  async #encode(): Promise<SamScene> {
    const { sam, picture } = this.#both();
    const { signal: own } = this.#abort;
    const signal = AbortSignal.any([own, this.#progress.start(`Looking at ${picture.name}, once for all prompts`)]);
    const start = performance.now();
    try {
      const scene = await sam.encodeImage(sourceOf(picture), { signal });
      if (signal.aborted) scene.dispose();
      signal.throwIfAborted();
      const time = performance.now() - start;
      this.isEncoded = true;
      this.#onTime("embedding", time);
      say(`${picture.name} is ready after ${duration(time)}: click on what you want.`);
      return scene;
    } catch (error) {
      if (!own.aborted) this.#scene = undefined; // the next prompt tries again
      throw error;
    } finally {
      if (!own.aborted) this.#progress.done();
    }
  }

  #forget(reason: string): void {
    this.#abort.abort(new DOMException(reason, "AbortError"));
    this.#abort = new AbortController();
    this.#scene?.then(
      (scene) => scene.dispose(),
      () => {},
    );
    this.#scene = undefined;
    this.isEncoded = false;
    this.#progress.done();
  }
}
