// Pixels in memory: the raw forms that a caller may pass, and RGBA bytes, the one form that all other code takes.
import { ImageError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";

/**
 * Pixels that need no decoding: rows from the top, `channels` bytes a pixel, red first. Alpha is stored, not applied.
 */
export interface RawImage {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** width * height * channels bytes. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /** 3: RGB, 4: RGBA. */
  readonly channels: 3 | 4;
}

/** RGBA bytes, row-major, width * height * 4: what the preprocessing on the GPU takes. */
export interface RgbaImage {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** width * height * 4 bytes. */
  readonly data: Uint8Array;
}

/** A picture that a browser holds, for the GPU to copy without its pixels passing through JavaScript. */
export interface HeldImage {
  /** Size in pixels of the part of `source` that this picture is. */
  readonly width: number;
  readonly height: number;
  readonly source: ImageBitmap;
  /** Where that part begins; at the top left when absent. */
  readonly origin?: readonly [x: number, y: number];
  /** Frees the bitmap that was made for it; a bitmap that the caller passed stays open. */
  close(): void;
}

/** A decoded picture. */
export type Picture = RgbaImage | HeldImage;

/** Frees the bitmap of a picture that a browser holds; other pictures need nothing. */
export function closePicture(picture: Picture): void {
  if ("source" in picture) picture.close();
}

/** The most pixels of a side, as in Skia's and libvips' own limits; the RGBA bytes then stay within 1 GiB. */
export const MAX_SIDE = 16384;

/** Throws ImageError unless both sides are whole numbers of 1 to MAX_SIDE pixels. */
export function checkSize(name: string, width: unknown, height: unknown): void {
  const fits = (side: unknown) => Number.isInteger(side) && Number(side) >= 1 && Number(side) <= MAX_SIDE;
  if (fits(width) && fits(height)) return;
  throw new ImageError(
    `[image] ${name} is ${width} x ${height} pixels (width x height), expected 1 to ${MAX_SIDE} a side. ` +
      "Resize or crop it first",
  );
}

/** RGBA bytes of a RawImage or ImageData. Four channels are passed through without a copy. */
export function fromRaw(image: RawImage | ImageData): RgbaImage {
  const { width, height, data } = image;
  checkSize("the RawImage", width, height);
  const channels: number = "channels" in image ? image.channels : 4; // ImageData is always RGBA
  if (channels !== 3 && channels !== 4) {
    throw new ImageError(`[image] the RawImage has ${channels} channels, expected 3 (RGB) or 4 (RGBA)`);
  }
  if (!isA(data, "Uint8Array", "Uint8ClampedArray")) {
    throw new ImageError(
      "[image] the RawImage's data is not a Uint8Array or Uint8ClampedArray: give bytes from 0 to 255",
    );
  }
  const expected = width * height * channels;
  if (data.length !== expected) {
    throw new ImageError(
      `[image] the RawImage has ${data.length} bytes of data, expected ${expected} ` +
        `(width ${width} x height ${height} x channels ${channels})`,
    );
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { width, height, data: channels === 4 ? bytes : addAlpha(bytes) };
}

/** RGB bytes as RGBA, opaque. */
function addAlpha(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from] ?? 0;
    rgba[to + 1] = rgb[from + 1] ?? 0;
    rgba[to + 2] = rgb[from + 2] ?? 0;
    rgba[to + 3] = 255;
  }
  return rgba;
}
