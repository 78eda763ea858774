// A part of a picture. Loaded where it is asked for: by everything mode, and for what is drawn on a canvas.
import type { Picture } from "./rgba.ts";

/** The part [x0, x1) x [y0, y1) of a picture. Of a held one it shares the bitmap, which the whole picture frees. */
export function cropped(
  picture: Picture,
  [x0, y0, x1, y1]: readonly [x0: number, y0: number, x1: number, y1: number],
): Picture {
  const [width, height] = [x1 - x0, y1 - y0];
  if (width === picture.width && height === picture.height) return picture;
  if ("source" in picture) return { ...picture, width, height, origin: [x0, y0] };
  const data = new Uint8Array(width * height * 4);
  for (let y = y0; y < y1; y++) {
    const from = y * picture.width;
    data.set(picture.data.subarray((from + x0) * 4, (from + x1) * 4), (y - y0) * width * 4);
  }
  return { width, height, data };
}
