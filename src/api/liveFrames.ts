// A camera: the newest frame counts. Those that come while one is worked on are dropped, never queued.
import { ImageError } from "../device/errors.ts";
import { isA } from "../device/tensor.ts";
import { bitmapOf } from "../io/image/canvas.ts";
import type { ImageLike } from "../io/image/image.ts";
import { closeFrame, type FrameSource, unlessAborted } from "./frameSource.ts";

/** Frames of a camera, from `liveFrames`. */
export interface LiveFrames extends FrameSource {
  /** Frames that came and were not taken. */
  readonly dropped: number;
  /** Ends it: `propagate` ends after the frame that it is at. The camera itself is left to its owner. */
  close(): void;
}

/** Waits for what there is to take, which is of one place: a newer frame takes that of an older one. */
abstract class Live implements LiveFrames {
  dropped = 0;
  #isOver = false;
  #failure: unknown;
  #wake = () => {};

  /** Takes the newest frame, undefined where none came since the last one. */
  protected abstract take(): Promise<ImageLike | undefined>;

  protected arrived(): void {
    this.#wake();
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  protected end(failure?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#wake();
  }

  async frame(index: number, signal: AbortSignal): Promise<ImageLike | undefined> {
    for (;;) {
      const arrival = new Promise<void>((resolve) => {
        this.#wake = resolve; // before looking, or what comes meanwhile would be slept through
      });
      const frame = await this.take();
      if (frame !== undefined) return frame;
      if (this.#failure !== undefined) {
        const cause = this.#failure;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new ImageError(`frame ${index} did not come, the camera failed: ${reason}`, { cause });
      }
      if (this.#isOver) return undefined;
      await unlessAborted(arrival, signal);
    }
  }

  close(): void {
    this.end();
  }
}

/** Frames that are pushed: the newest is held until it is taken, or closed when another one comes. */
class PushedFrames extends Live {
  #newest: ImageLike | undefined;

  constructor(frames: AsyncIterable<ImageLike>) {
    super();
    void this.#drain(frames);
  }

  async #drain(frames: AsyncIterable<ImageLike>): Promise<void> {
    try {
      for await (const frame of frames) {
        if (this.isOver) return closeFrame(frame); // leaving the loop ends the iterator too
        if (this.#newest !== undefined) this.dropped++;
        closeFrame(this.#newest);
        this.#newest = frame;
        this.arrived();
      }
      this.end();
    } catch (error) {
      this.end(error);
    }
  }

  protected async take(): Promise<ImageLike | undefined> {
    const frame = this.#newest;
    this.#newest = undefined;
    return frame;
  }

  override close(): void {
    super.close();
    closeFrame(this.#newest);
    this.#newest = undefined;
  }
}

/** What a <video> shows: nothing is held, it is copied when it is asked for. */
class ShownFrames extends Live {
  readonly #element: HTMLVideoElement;
  readonly #off = new AbortController();
  #callback = 0;
  #shown = 0;
  #taken = 0;

  constructor(element: HTMLVideoElement) {
    super();
    this.#element = element;
    const listening = { signal: this.#off.signal };
    element.addEventListener("ended", () => this.close(), listening);
    element.addEventListener("error", () => this.#fail(), listening);
    this.#watch();
  }

  #watch(): void {
    this.#callback = this.#element.requestVideoFrameCallback((_, { presentedFrames }) => {
      this.#shown = presentedFrames;
      this.arrived();
      if (!this.isOver) this.#watch();
    });
  }

  #fail(): void {
    this.end(new Error(this.#element.error?.message || "the browser does not say why"));
    this.close();
  }

  protected async take(): Promise<ImageLike | undefined> {
    if (this.isOver || this.#shown === this.#taken) return undefined;
    if (this.#taken > 0) this.dropped += this.#shown - this.#taken - 1;
    this.#taken = this.#shown;
    return bitmapOf(this.#element, "the camera's frame");
  }

  override close(): void {
    super.close();
    this.#off.abort();
    this.#element.cancelVideoFrameCallback(this.#callback);
  }
}

/**
 * The frames of a camera for `VideoSegmenter.open`: of a <video> that plays its stream, or of what gives its frames one
 * after the other, such as the `readable` of a MediaStreamTrackProcessor. When a frame is asked for the newest is
 * taken, and those before it were dropped, so that masks are of now and nothing piles up.
 *
 * @example
 * using segmenter = await VideoSegmenter.fromPretrained("facebook/sam2.1-hiera-tiny");
 * const element = document.createElement("video");
 * element.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
 * await element.play();
 * using video = await segmenter.open(liveFrames(element));
 */
export function liveFrames(from: HTMLVideoElement | AsyncIterable<ImageLike>): LiveFrames {
  return isA(from, "HTMLVideoElement") ? new ShownFrames(from) : new PushedFrames(from);
}
