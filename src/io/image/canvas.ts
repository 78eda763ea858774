// Pictures in browsers, in pages and workers: decoded by createImageBitmap, then held for the GPU to copy.
import { ImageError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { checkSize, type HeldImage } from "./rgba.ts";

/** What createImageBitmap takes. */
export type Drawable =
  | Blob
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/** Whether this runtime decodes and draws by itself. Deno has ImageBitmap and OffscreenCanvas, but no 2D context. */
export function canDraw(): boolean {
  return typeof createImageBitmap === "function" && typeof OffscreenCanvasRenderingContext2D === "function";
}

/**
 * The picture as a bitmap of the caller's own, upright and without colour conversion.
 *
 * @throws ImageError for what the browser cannot decode or may not read.
 */
export async function bitmapOf(image: Drawable, name: string): Promise<ImageBitmap> {
  try {
    if (isA(image, "HTMLImageElement")) await image.decode(); // loaded?
    return await createImageBitmap(image, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (cause) {
    if ((cause as Error)?.name === "SecurityError") throw foreign(name, cause);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`[image] ${name} cannot be decoded, it is no picture this browser knows: ${reason}`, {
      cause,
    });
  }
}

/** The error for a picture of another site, which shows it to people but does not let pages read it. */
export function foreign(name: string, cause: unknown): ImageError {
  return new ImageError(
    `[image] ${name} is of another site, which does not let this page read it: its server must allow that (CORS), ` +
      'and an img or video element needs crossorigin="anonymous" before its src',
    { cause },
  );
}

/**
 * The picture for the GPU to copy. An ImageBitmap is used as it is; of all else, videos and their frames too, one is
 * made, without the pixels passing through JavaScript. (WebGPU could take frames by themselves, but browsers differ in
 * that, and Chromium on a software adapter ends its GPU process over it.)
 */
export async function hold(image: Drawable, name: string): Promise<HeldImage> {
  const source = isA(image, "ImageBitmap") ? image : await bitmapOf(image, name);
  const { width, height } = source;
  checkSize(name, width, height);
  return { width, height, source, close: () => (source === image ? undefined : source.close()) };
}
