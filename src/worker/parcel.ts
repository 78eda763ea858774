// What is sent to the worker: pictures as bitmaps and frames, arrays as copies that are handed over, addresses made
// absolute, as those of a worker are relative to its script. Nothing of the caller's is detached unless it was given.
import { isA } from "../device/tensor.ts";
import { bitmapOf } from "../io/image/canvas.ts";
import type { ImageLike } from "../io/image/image.ts";
import { looksLocal } from "../io/source/openSource.ts";
import type { SourceLike } from "../io/source/source.ts";

const given = new WeakSet<object>();

/**
 * Gives a picture to the worker with the next call that it is passed to: it is moved there, not copied, and cannot be
 * used afterwards.
 *
 * @example
 * const frame = new VideoFrame(video);
 * await clip.encodeImage(transfer(frame));     // frame is closed
 */
export function transfer<Picture extends ImageBitmap | VideoFrame>(picture: Picture): Picture {
  given.add(picture);
  return picture;
}

/** A picture as the worker takes it. What can be drawn is copied at once: it may change after the call. */
export async function packImage(image: ImageLike, transfers: Transferable[]): Promise<unknown> {
  if (typeof image === "string" || isA(image, "URL")) return absolute(String(image));
  const moved = movable(image);
  if (moved && given.has(image as object)) {
    transfers.push(moved);
    return moved;
  }
  if (moved || isDrawn(image)) {
    // A clone of a frame shares its pixels: nothing is copied.
    const isFrame = isA(image, "VideoFrame") && image.displayWidth > 0;
    const copy = isFrame ? image.clone() : await bitmapOf(image as ImageBitmap, `the ${image.constructor.name}`);
    if (isDrawn(image)) (await import("../io/image/canvasPixels.ts")).checkReadable(copy as ImageBitmap);
    transfers.push(copy);
    return copy;
  }
  return pack(image, transfers);
}

/** One picture or several. */
export async function packImages(
  images: ImageLike | readonly ImageLike[],
  transfers: Transferable[],
): Promise<unknown> {
  if (!Array.isArray(images)) return packImage(images as ImageLike, transfers);
  return Promise.all(images.map((image) => packImage(image, transfers)));
}

/** Where a model comes from. Bytes are copied; a Blob or File is passed on as it is. */
export function packSource(from: SourceLike, transfers: Transferable[]): unknown {
  if (isA(from, "URL")) return from.href;
  if (typeof from === "string") return looksLocal(from) ? absolute(from) : from;
  return pack(from, transfers);
}

/** Plain data: arrays of numbers are copied, and the copies handed over. */
export function pack(value: unknown, transfers: Transferable[]): unknown {
  if (ArrayBuffer.isView(value) || isA(value, "ArrayBuffer")) {
    const copy = (value as Uint8Array | ArrayBuffer).slice(0);
    const buffer = isA(copy, "ArrayBuffer") ? copy : copy.buffer;
    if (isA(buffer, "ArrayBuffer")) transfers.push(buffer);
    return copy;
  }
  if (Array.isArray(value)) return value.map((part) => pack(part, transfers));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, pack(part, transfers)]));
}

/** An address made absolute, from the page's. Text that is no address stays as it is, and the worker refuses it. */
function absolute(text: string): string {
  const base = globalThis.location?.href;
  return URL.canParse(text, base) ? new URL(text, base).href : text;
}

function movable(image: unknown): ImageBitmap | VideoFrame | undefined {
  return isA(image, "ImageBitmap", "VideoFrame") ? image : undefined;
}

function isDrawn(image: unknown): boolean {
  return (image as Node | null)?.nodeType === 1 || isA(image, "OffscreenCanvas"); // 1: an element
}

/** The buffers of all arrays within a value, each once. */
export function buffersOf(value: unknown, buffers = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (isA(value.buffer, "ArrayBuffer")) buffers.add(value.buffer);
  } else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) buffersOf(part, buffers);
  }
  return buffers;
}

/** Frees the pictures that came with a call: frames are scarce, and a decoder waits for them. */
export function closePictures(args: readonly unknown[]): void {
  for (const picture of args.flat()) movable(picture)?.close();
}
