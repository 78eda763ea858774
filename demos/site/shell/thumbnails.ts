// Small pictures of large ones, made in a worker, a few at a time, those in view first. What is kept is a JPEG of a few
// kilobytes, not the pixels.
import type { ThumbnailAnswer, ThumbnailRequest } from "./thumbnailThread.ts";

const SIDE = 360;
const AT_ONCE = 3;

let worker: Worker | undefined;
let ids = 0;
const waiting = new Map<number, (answer: ThumbnailAnswer) => void>();

/** Makes a small JPEG of a picture. Rejects for what is no picture. */
export async function smallPicture(picture: Blob, side = SIDE): Promise<Blob> {
  worker ??= startThread();
  const request: ThumbnailRequest = { id: ++ids, picture, side };
  worker.postMessage(request);
  const { small, reason } = await new Promise<ThumbnailAnswer>((resolve) => waiting.set(request.id, resolve));
  if (!small) throw new Error(reason);
  return small;
}

function startThread(): Worker {
  const thread = new Worker("thumbnail-thread.js");
  thread.addEventListener("message", ({ data }: MessageEvent<ThumbnailAnswer>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  });
  return thread;
}

/** A picture, and where the small one is kept once it was made. */
export interface Shown {
  readonly picture: Blob;
  small?: Blob | undefined;
}

/** Fills img elements when they come into view. */
export class Thumbnails {
  readonly #waiting = new Map<Element, { shown: Shown; onFail: (error: unknown) => void }>();
  readonly #queue: Element[] = [];
  readonly #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "400px" });
  #running = 0;

  /** Shows the picture in `image` once it is near the window, at once where there is a small one. */
  show(image: HTMLImageElement, shown: Shown, onFail: (error: unknown) => void): void {
    if (shown.small) {
      image.src = URL.createObjectURL(shown.small);
      return;
    }
    this.#waiting.set(image, { shown, onFail });
    this.#observer.observe(image);
  }

  /** The image goes: what was made for it is let go. */
  forget(image: HTMLImageElement): void {
    this.#waiting.delete(image);
    this.#observer.unobserve(image);
    if (image.src) URL.revokeObjectURL(image.src);
  }

  #seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const at = this.#queue.indexOf(target);
      if (isIntersecting && at < 0) this.#queue.push(target);
      else if (!isIntersecting && at >= 0) this.#queue.splice(at, 1);
    }
    while (this.#running < AT_ONCE && this.#queue.length > 0) void this.#next();
  }

  async #next(): Promise<void> {
    const image = this.#queue.shift() as HTMLImageElement;
    const request = this.#waiting.get(image);
    if (!request) return;
    this.#waiting.delete(image);
    this.#observer.unobserve(image);
    this.#running += 1;
    try {
      const { shown } = request;
      shown.small ??= await smallPicture(shown.picture);
      image.src = URL.createObjectURL(shown.small);
    } catch (error) {
      request.onFail(error);
    } finally {
      this.#running -= 1;
      if (this.#queue.length > 0) void this.#next();
    }
  }
}
