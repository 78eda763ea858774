// The picture that is cut: what is shown of it, what SAM is given, and what is saved.
import { ImageError } from "../engine.ts";

/** A prompt answers at once up to about this many pixels: each mask comes back at the picture's size. */
const MOST_PIXELS = 2048 * 2048;

export interface Picture {
  readonly name: string;
  readonly file: File;
  /** Shown, and the pixels that masks have. */
  readonly bitmap: ImageBitmap;
  /** Size of `bitmap`. */
  readonly width: number;
  readonly height: number;
  /** Size of the file's picture: larger than `bitmap` where that had to be made smaller. */
  readonly full: { readonly width: number; readonly height: number };
}

/**
 * Decodes a picture, upright. One of too many pixels is made smaller.
 *
 * @throws ImageError for what this browser cannot read.
 */
export async function openPicture(file: File): Promise<Picture> {
  const decoded = await decode(file);
  const full = { width: decoded.width, height: decoded.height };
  const scale = Math.sqrt(MOST_PIXELS / (full.width * full.height));
  if (scale >= 1) return { name: file.name, file, bitmap: decoded, ...full, full };
  try {
    const [width, height] = [full.width, full.height].map((side) => Math.max(1, Math.round(side * scale)));
    const size = { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" } as const;
    const bitmap = await createImageBitmap(decoded, size);
    return { name: file.name, file, bitmap, width: bitmap.width, height: bitmap.height, full };
  } finally {
    decoded.close();
  }
}

/** Whether masks have fewer pixels than the file. */
export function isReduced({ width, full }: Picture): boolean {
  return width !== full.width;
}

/** What SAM is given: the file itself, so that the masks are those of the library; or the smaller picture. */
export function sourceOf(picture: Picture): File | ImageBitmap {
  return isReduced(picture) ? picture.bitmap : picture.file;
}

async function decode(file: File): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch (cause) {
    throw new ImageError(`${file.name} cannot be decoded: this browser knows no picture like it, or it is damaged.`, {
      cause,
    });
  }
}
