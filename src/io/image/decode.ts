// Pictures in Node and Deno: files from the disk, decoded by sharp (libvips). The pixels are those of Pillow's
// `ImageOps.exif_transpose(image).convert("RGB")`, which the published models were measured with: embedded colour
// profiles are not applied, alpha is kept beside the colours and not blended, CMYK is converted without a profile.
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { checkSize, MAX_SIDE, type RgbaImage } from "./rgba.ts";

const FORMATS = "JPEG, PNG, WebP, AVIF, GIF, TIFF or SVG";

/** The bytes of a file; NotFoundError when it is not there. */
export async function readPicture(path: string | URL, signal?: AbortSignal): Promise<Uint8Array> {
  const { readFile, stat } = await import("node:fs/promises");
  const shown = path instanceof URL ? decodeURIComponent(path.pathname) : path;
  try {
    if ((await stat(path)).isDirectory()) {
      throw new ImageError(`[image] ${shown} is a folder, expected a picture: name a file in it`);
    }
    return await readFile(path, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ImageError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new NotFoundError(`[image] there is no file ${shown}: check the path`, { cause });
    }
    throw new ImageError(`[image] ${shown} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** RGBA of an encoded picture, the first frame of an animation, turned as its EXIF orientation says. */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<RgbaImage> {
  const sharp = await loadSharp();
  const options = { ignoreIcc: true, failOn: "error", limitInputPixels: MAX_SIDE * MAX_SIDE } as const;
  try {
    const { width, height, space } = await sharp(bytes, options).metadata();
    checkSize(name, width, height);
    const isCmyk = space === "cmyk";
    const picture = sharp(bytes, options).autoOrient();
    const pixels = isCmyk
      ? picture.pipelineColourspace("cmyk").toColourspace("cmyk")
      : picture.toColourspace("srgb").ensureAlpha();
    const { data, info } = await pixels.raw().toBuffer({ resolveWithObject: true });
    const rgba = isCmyk ? cmykToRgba(data, info.channels) : new Uint8Array(data.buffer, data.byteOffset, data.length);
    return { width: info.width, height: info.height, data: rgba };
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new ImageError(`[image] ${name} cannot be decoded, expected ${FORMATS}: ${messageOf(cause)}`, { cause });
  }
}

/** sharp, loaded when first needed: browsers never do. */
export async function loadSharp(): Promise<typeof import("sharp").default> {
  try {
    return (await import("sharp")).default;
  } catch (cause) {
    throw new ImageError(
      "[image] encoded pictures need the package sharp here: `npm install sharp`, or pass a RawImage with the pixels",
      { cause },
    );
  }
}

/** Pillow's conversion: (255 - ink) * (255 - key) / 255, rounded as its MULDIV255 does. */
function cmykToRgba(cmyk: Uint8Array, channels: number): Uint8Array {
  const pixels = cmyk.length / channels;
  const rgba = new Uint8Array(pixels * 4).fill(255);
  for (let i = 0; i < pixels; i++) {
    const light = 255 - (cmyk[i * channels + 3] ?? 0);
    for (let c = 0; c < 3; c++) {
      const product = (cmyk[i * channels + c] ?? 0) * light + 128;
      rgba[i * 4 + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return rgba;
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).trim();
}
