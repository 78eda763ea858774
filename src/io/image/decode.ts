// Pictures in Node and Deno: files from the disk, decoded by sharp (libvips), and by optional packages where sharp does
// not know a format (magick.ts) or its pixels are not Pillow's (avif.ts). The pixels are those of Pillow's
// `ImageOps.exif_transpose(image).convert("RGB")`, which the published models were measured with: embedded colour
// profiles are not applied, alpha is kept beside the colours and not blended, CMYK is converted without a profile.
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { formatOf } from "./formats.ts";
import { upright, xmpOrientation } from "./orientation.ts";
import { checkSize, MAX_SIDE, type RgbaImage } from "./rgba.ts";

const FORMATS = "JPEG, PNG, WebP, AVIF, GIF, TIFF, SVG, BMP, PPM, PGM, PBM, TGA, ICO, JPEG 2000 or HEIC";

/** The bytes of a file; NotFoundError when it is not there. */
export async function readPicture(path: string | URL, signal?: AbortSignal): Promise<Uint8Array> {
  const { readFile, stat } = await import("node:fs/promises");
  const shown = isA(path, "URL") ? decodeURIComponent(path.pathname) : path;
  try {
    if ((await stat(path)).isDirectory()) {
      throw new ImageError(`[image] ${shown} is a folder, expected a picture: name a file in it`);
    }
    return await readFile(path, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ImageError) throw cause;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new NotFoundError(`[image] there is no file ${shown}: check the path`, { cause });
    }
    throw new ImageError(`[image] ${shown} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** RGBA of an encoded picture, the first frame of an animation, turned as its EXIF or XMP orientation says. */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<RgbaImage> {
  try {
    const format = formatOf(bytes);
    if (format === "gif") return await decodeGif(bytes, name);
    if (format === "tiff") return await decodeTiff(bytes, name);
    if (format === "avif") return await decodeAvifPicture(bytes, name);
    if (format === undefined) return await bySharp(bytes, name, await statedByPng(bytes));
    const { decodeByMagick } = await import("./magick.ts");
    return await decodeByMagick(bytes, name, format);
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new ImageError(`[image] ${name} cannot be decoded, expected ${FORMATS}: ${messageOf(cause)}`, { cause });
  }
}

/** The orientation in a PNG's EXIF; sharp passes over some places and forms of it. */
async function statedByPng(bytes: Uint8Array): Promise<number | undefined> {
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50) return undefined;
  return (await import("./png.ts")).pngOrientation(bytes);
}

/** `stated` is the orientation where the file's own tags were read already. */
async function bySharp(bytes: Uint8Array, name: string, stated?: number): Promise<RgbaImage> {
  const sharp = await loadSharp();
  const options = { ignoreIcc: true, failOn: "error", limitInputPixels: MAX_SIDE * MAX_SIDE } as const;
  const { width, height, space, depth, orientation, xmp } = await sharp(bytes, options).metadata();
  checkSize(name, width, height);
  const isCmyk = space === "cmyk";
  const opened = sharp(bytes, options);
  const turn = stated ?? (orientation === undefined ? xmpOrientation(xmp) : undefined);
  const picture = turn === undefined ? opened.autoOrient() : upright(opened, turn);
  const pixels = isCmyk
    ? picture.pipelineColourspace("cmyk").toColourspace("cmyk")
    : picture.toColourspace("srgb").ensureAlpha();
  // libvips cuts ink of 16 bits off at 255 where it is asked for bytes. Pillow takes the high byte (CMYK;16L).
  const isWide = isCmyk && depth === "ushort";
  const { data, info } = await pixels.raw(isWide ? { depth: "ushort" } : {}).toBuffer({ resolveWithObject: true });
  const count = info.width * info.height * info.channels;
  if (data.length !== count * (isWide ? 2 : 1) || info.channels < 4) {
    throw new ImageError(`[image] ${name} has ${info.channels} channels of ${depth}: convert it to PNG of RGB first`);
  }
  const channels = isWide ? Uint8Array.from({ length: count }, (_, i) => data.readUInt16LE(i * 2) >> 8) : data;
  const rgba = isCmyk ? cmykToRgba(channels, info.channels) : firstFour(channels, info.channels);
  return { width: info.width, height: info.height, data: rgba };
}

/** Pillow passes over what a TIFF file has beside colours and alpha (its rawmodes RGBX, RGBXX, RGBAXX ...). */
function firstFour(data: Uint8Array, channels: number): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return channels === 4 ? bytes : bytes.filter((_, i) => i % channels < 4);
}

/** Colours under transparent pixels, and around the first frame, are Pillow's; the alpha is sharp's. */
async function decodeGif(bytes: Uint8Array, name: string): Promise<RgbaImage> {
  const { fillAround, firstFrame } = await import("./gif.ts");
  const frame = firstFrame(bytes);
  const picture = await bySharp(frame?.opaque ?? bytes, name);
  if (frame) fillAround(picture.data, picture.width, frame);
  if (!frame?.opaque) return picture;
  const { data } = await bySharp(bytes, name);
  for (let i = 3; i < data.length; i += 4) picture.data[i] = data[i] ?? 255;
  return picture;
}

async function decodeTiff(bytes: Uint8Array, name: string): Promise<RgbaImage> {
  const { firstTags, unturned, ycbcrOf, ycbcrToRgb } = await import("./ycbcr.ts");
  const tags = firstTags(bytes);
  const ycbcr = ycbcrOf(tags);
  // sharp says 1 also for a file that has no tag of orientation, where Pillow looks into XMP.
  const turn = tags.get(274)?.[0] ?? xmpOrientation((await metadataOf(bytes)).xmp);
  if (ycbcr === "packed") {
    // libtiff, which ImageMagick and Pillow have in common, unpacks and converts in one.
    const { decodeByMagick } = await import("./magick.ts");
    return turned(await decodeByMagick(unturned(bytes, tags), name, "tiff"), turn);
  }
  const picture = await bySharp(bytes, name, turn);
  // Samples beside colours and alpha: the fourth is alpha only where tag 338 says so.
  if ((tags.get(277)?.[0] ?? 1) > 4 && ![1, 2].includes(tags.get(338)?.[0] ?? 0)) {
    for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;
  }
  if (ycbcr === "plain") ycbcrToRgb(picture.data);
  return picture;
}

/** Pixels of a picture of this orientation, the right way up. */
async function turned(picture: RgbaImage, orientation: number): Promise<RgbaImage> {
  if (!(orientation >= 2 && orientation <= 8)) return picture;
  const raw = { width: picture.width, height: picture.height, channels: 4 } as const;
  const sharp = (await loadSharp())(picture.data, { raw });
  const { data, info } = await upright(sharp, orientation).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

async function metadataOf(bytes: Uint8Array) {
  const sharp = await loadSharp();
  return sharp(bytes)
    .metadata()
    .catch(() => NOT_FOR_SHARP);
}

/** Animations, which sharp does not read. */
const NOT_FOR_SHARP = { width: 1, height: 1, orientation: undefined, xmp: undefined };

let isWarned = false;

async function decodeAvifPicture(bytes: Uint8Array, name: string): Promise<RgbaImage> {
  const { decodeAvif, turnsItself } = await import("./avif.ts");
  const { width, height, orientation, xmp } = await metadataOf(bytes);
  checkSize(name, width, height);
  const picture = await decodeAvif(bytes);
  if (!picture) {
    if (!isWarned) console.warn(AVIF_WARNING);
    isWarned = true;
    return bySharp(bytes, name);
  }
  const turn = orientation === undefined && !turnsItself(bytes) ? xmpOrientation(xmp) : 1;
  return turned(picture, turn);
}

const AVIF_WARNING =
  "webgpu-vision: AVIF is decoded by sharp, whose colours at edges are not Python's: " +
  "`npm install @napi-rs/canvas` for those";

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
