// What is said of what is no image; a page loads it with the first such thing.
import { ImageError } from "../../device/errors.ts";

const KINDS =
  "a path, URL, bytes or Blob of an encoded picture, a RawImage { width, height, data, channels }, or in browsers an " +
  "ImageBitmap, ImageData, img or video element, canvas or VideoFrame";

export function noImage(problem: string): ImageError {
  return new ImageError(`[image] ${problem}. Expected ${KINDS}`);
}
