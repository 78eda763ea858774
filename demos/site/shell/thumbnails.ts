// Small pictures of large ones, made by the browser's own decoder off the main thread, a few at a time, those in view
// first. What is kept is a JPEG of a few kilobytes, not the pixels.

const SIDE = 360;
const AT_ONCE = 3;

/** A small JPEG of a picture, as an object URL, with the picture's own size. Rejects for what is no picture. */
export interface Thumbnail {
  readonly url: string;
}

/** Makes the thumbnail of one picture. */
export async function thumbnail(picture: Blob, side = SIDE): Promise<Thumbnail> {
  const bitmap = await createImageBitmap(picture, { resizeWidth: side, resizeQuality: "medium" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 });
  return { url: URL.createObjectURL(blob) };
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
    const wanted = this.#waiting.get(image);
    if (!wanted) return;
    this.#waiting.delete(image);
    this.#observer.unobserve(image);
    this.#running += 1;
    try {
      image.src = (await thumbnail(wanted.picture)).url;
    } catch (error) {
      wanted.onFail(error);
    } finally {
      this.#running -= 1;
      if (this.#queue.length > 0) void this.#next();
    }
  }
}
