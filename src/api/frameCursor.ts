// The frame that a video is at: asks its source for frames in the order that it allows, and closes each once.
import { ArgumentError, DisposedError, ImageError } from "../device/errors.ts";
import type { ImageLike } from "../io/image/image.ts";
import { closeFrame } from "./frameSource.ts";
import type { OpenSource } from "./openFrames.ts";

export class FrameCursor {
  readonly #source: OpenSource;
  #index = -1;
  /** The frame at #index, until it is on the GPU. */
  #image: ImageLike | undefined;
  #isClosed = false;

  constructor(source: OpenSource) {
    this.#source = source;
  }

  /** Frames, where each can be asked for; undefined where they come one after the other. */
  get length(): number | undefined {
    return this.#source.source.length;
  }

  /** The frame that was asked for last, -1 before the first one. */
  get index(): number {
    return this.#index;
  }

  /** @throws ArgumentError for a frame that cannot be asked for now; `what` says who asks. */
  check(frame: number, what: string): void {
    const { length } = this;
    if (length === undefined) {
      if (frame === this.#index || frame === this.#index + 1) return;
      const at = Math.max(0, this.#index);
      throw new ArgumentError(
        `${what} frame ${frame}, expected ${at} or ${at + 1}: these frames come one after the other, and the video ` +
          `is at frame ${at}. Open a list of pictures to go to any`,
      );
    }
    if (Number.isInteger(frame) && frame >= 0 && frame < length) return;
    throw new ArgumentError(`${what} frame ${frame}, expected one from 0 to ${length - 1}`);
  }

  /** Whether a frame exists: where frames come one after the other, that is seen when it comes. */
  async exists(frame: number, signal: AbortSignal): Promise<boolean> {
    const { length } = this;
    if (length !== undefined) return frame < length;
    return (await this.#take(frame, signal)) !== undefined || frame === this.#index;
  }

  /** A frame's picture. */
  async image(frame: number, signal: AbortSignal): Promise<ImageLike> {
    const image = await this.#take(frame, signal);
    if (image !== undefined) return image;
    const { length } = this;
    if (length !== undefined) throw new ImageError(`frame ${frame} is not there: the source told ${length} frames`);
    throw new ArgumentError(`there is no frame ${frame}: the video ended after ${this.#index + 1} frames`);
  }

  /** The picture is not needed any more. */
  done(): void {
    if (!this.#source.isLent) closeFrame(this.#image);
    this.#image = undefined;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.done();
    this.#source.source.close?.();
  }

  async #take(frame: number, signal: AbortSignal): Promise<ImageLike | undefined> {
    if (frame === this.#index && (this.#image !== undefined || this.length === undefined)) return this.#image;
    const image = await this.#source.source.frame(frame, signal);
    if (image === undefined) return undefined;
    if (this.#isClosed) {
      if (!this.#source.isLent) closeFrame(image);
      throw new DisposedError("this video was disposed; open it again");
    }
    this.done();
    this.#index = frame;
    this.#image = image;
    return image;
  }
}
