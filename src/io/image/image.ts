// Images as callers have them, to RGBA bytes: pixels in memory, encoded pictures (a path, a URL, bytes), and whatever a
// browser can draw. Browsers decode by themselves (canvas.ts); Node and Deno use sharp (decode.ts).
import { ImageError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { HAS_DISK } from "../source/bytes.ts";
import { canDraw, type Drawable, hold } from "./canvas.ts";
import { download } from "./download.ts";
import { closePicture, fromRaw, type Picture, type RawImage, type RgbaImage } from "./rgba.ts";

export { closePicture, type Picture, type RawImage, type RgbaImage } from "./rgba.ts";

/** Everything that can be an image. Encoded pictures come as a path, URL, bytes or Blob. */
export type ImageLike =
  | RawImage
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/**
 * The pixels of an image, upright (EXIF orientation applied), with colours as they are stored: alpha is not blended.
 *
 * @returns RGBA bytes, width * height * 4, rows from the top. A RawImage of four channels is not copied.
 * @throws ImageError when it is not an image, is empty or has a side over 16384 pixels; NotFoundError when the file or
 *   URL is not there; NetworkError when the download failed; the signal's reason when it was aborted.
 * @example
 * const { width, height, data } = await loadImage("photo.jpg");
 */
export async function loadImage(image: ImageLike, signal?: AbortSignal): Promise<RgbaImage> {
  signal?.throwIfAborted();
  if (isRaw(image)) return fromRaw(image);
  const draw: Take<RgbaImage> = async (drawable, name) => (await import("./canvasPixels.ts")).draw(drawable, name);
  const loaded = await load(image, draw, signal);
  signal?.throwIfAborted();
  return loaded;
}

/** As `loadImage`, with the pixels left where a browser has them; `closePicture` frees them. */
export async function openImage(image: ImageLike, signal?: AbortSignal): Promise<Picture> {
  signal?.throwIfAborted();
  if (isRaw(image)) return fromRaw(image);
  const opened = await load(image, hold, signal);
  if (signal?.aborted) closePicture(opened);
  signal?.throwIfAborted();
  return opened;
}

/** What a browser does with a picture. */
type Take<T> = (image: Drawable, name: string) => Promise<T>;

async function load<T>(
  image: Exclude<ImageLike, RawImage | ImageData>,
  take: Take<T>,
  signal?: AbortSignal,
): Promise<T | RgbaImage> {
  const decode = (picture: Uint8Array | Blob, name: string) => decoded(picture, name, take);
  if (typeof image === "string" || isA(image, "URL")) {
    const url = urlOf(image);
    if (url) {
      const name = shownUrl(url);
      return decode(await download(url, name, signal), name);
    }
    if (HAS_DISK) {
      const { readPicture } = await import("./decode.ts");
      const path = typeof image === "string" && image.startsWith("file:") ? parseUrl(image) : image;
      return decode(await readPicture(path, signal), String(image));
    }
    throw await noImage(`${image} cannot be read in a page`);
  }
  if (isA(image, "Uint8Array")) return decode(image, "the picture");
  if (isA(image, "ArrayBuffer")) return decode(new Uint8Array(image), "the picture");
  if (isA(image, "Blob", "File")) return decode(image, "the Blob");
  if (typeof image !== "object" || image === null || ArrayBuffer.isView(image)) {
    const what = typeof image === "object" && image !== null ? "a typed array that is not bytes" : String(image);
    throw await noImage(`${what} is not an image`);
  }
  if (!canDraw()) throw await noImage("this object cannot be read as an image here");
  return take(image, `the ${image.constructor?.name ?? "object"}`);
}

/** What few will read. */
async function noImage(problem: string): Promise<Error> {
  return (await import("./noImage.ts")).noImage(problem);
}

/** An encoded picture, by the browser where there is one. */
async function decoded<T>(picture: Uint8Array | Blob, name: string, take: Take<T>): Promise<T | RgbaImage> {
  if (canDraw()) return take(isA(picture, "Blob", "File") ? picture : new Blob([picture.slice()]), name);
  if (HAS_DISK) {
    const { buffer, byteOffset, byteLength } = isA(picture, "Blob", "File")
      ? new Uint8Array(await picture.arrayBuffer())
      : picture;
    const { decodePicture } = await import("./decode.ts");
    return decodePicture(new Uint8Array(buffer, byteOffset, byteLength), name); // of this realm, as sharp asks
  }
  throw new ImageError(`[image] ${name} cannot be decoded: this browser has no OffscreenCanvas`);
}

/**
 * The URL to fetch, undefined for a path or file: URL outside browsers. In browsers a string is relative to the page.
 */
function urlOf(image: string | URL): URL | undefined {
  if (canDraw()) return parseUrl(String(image), globalThis.location?.href);
  return /^(https?|data|blob):/i.test(String(image)) ? parseUrl(String(image)) : undefined;
}

function parseUrl(text: string, base?: string): URL {
  try {
    return new URL(text, base);
  } catch (cause) {
    throw new ImageError(`[image] ${text} is not a valid URL`, { cause });
  }
}

function isRaw(image: ImageLike): image is RawImage | ImageData {
  return typeof image === "object" && image !== null && "data" in image && "width" in image && "height" in image;
}

/** A URL for messages: without query, user or data, which may be secret or long. */
export function shownUrl(url: URL): string {
  return url.protocol === "data:" ? "the data: URL" : `${url.protocol}//${url.host}${url.pathname}`;
}
