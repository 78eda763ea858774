// Small pictures of large ones, made in a worker, a few at a time, those in view first. What is kept is a JPEG of a few
// kilobytes, not the pixels.
import type { ThumbnailAnswer, ThumbnailRequest } from "./thumbnailThread.ts";

const SIDE = 360;
const AT_ONCE = 3;

let worker: Worker | undefined;
let ids = 0;
const waiting = new Map<number, (answer: ThumbnailAnswer) => void>();

/** Makes a small JPEG of a picture, and gives its object URL. Rejects for what is no picture. */
async function thumbnail(picture: Blob, side = SIDE): Promise<string> {
  worker ??= startThread();
  const request: ThumbnailRequest = { id: ++ids, picture, side };
  worker.postMessage(request);
  const { small, reason } = await new Promise<ThumbnailAnswer>((resolve) => waiting.set(request.id, resolve));
  if (!small) throw new Error(reason);
  return URL.createObjectURL(small);
}

function startThread(): Worker {
  const thread = new Worker("thumbnail-thread.js");
  thread.addEventListener("message", ({ data }: MessageEvent<ThumbnailAnswer>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  });
  return thread;
}

/** Fills img elements when they come into view. */
export class Thumbnails {
  readonly #waiting = new Map<Element, { picture: Blob; onFail: (error: unknown) => void }>();
  readonly #queue: Element[] = [];
  readonly #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "400px" });
  #running = 0;

  /** Shows the picture in `image` once it is near the window. */
  show(image: HTMLImageElement, picture: Blob, onFail: (error: unknown) => void): void {
    this.#waiting.set(image, { picture, onFail });
    this.#observer.observe(image);
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
      image.src = await thumbnail(request.picture);
    } catch (error) {
      request.onFail(error);
    } finally {
      this.#running -= 1;
      if (this.#queue.length > 0) void this.#next();
    }
  }
}
