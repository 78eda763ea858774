// Formats that sharp does not read, decoded by ImageMagick as WebAssembly (an optional package). It is a build of 8
// bits a channel, whose pixels are Pillow's but for what is mended here and, before it reads a file, in mend.ts.
import type { IMagickImage, IMagickImageCollection } from "@imagemagick/magick-wasm";
import { ImageError } from "../../device/errors.ts";
import { resolvePackage } from "../../device/swiftShader.ts";
import { checkDeclared } from "./declared.ts";
import type { MagickFormat } from "./formats.ts";
import { cutOff, mendBmp, mendIco, mendPnm } from "./mend.ts";
import { checkSize, MAX_SIDE, type RgbaImage } from "./rgba.ts";

const TITLES: Readonly<Record<MagickFormat | "tiff", string>> = {
  bmp: "BMP",
  heic: "HEIC",
  ico: "ICO",
  jp2: "JPEG 2000",
  pnm: "PPM, PGM or PBM",
  tga: "TGA",
  tiff: "TIFF with YCbCr",
};

type Magick = typeof import("@imagemagick/magick-wasm");
let loading: Promise<Magick> | undefined;

/** RGBA of a picture; of several in one file the largest one of an icon, else the first. */
export async function decodeByMagick(
  bytes: Uint8Array,
  name: string,
  format: MagickFormat | "tiff",
): Promise<RgbaImage> {
  checkDeclared(bytes, name, format);
  loading ??= loadMagick();
  const magick = await loading.catch((cause) => {
    loading = undefined;
    const title = TITLES[format];
    throw new ImageError(
      `[image] ${name} is ${title}, which needs the package @imagemagick/magick-wasm here: ` +
        "`npm install @imagemagick/magick-wasm`, or convert it to PNG",
      { cause },
    );
  });
  const { ImageMagick, MagickReadSettings } = magick;
  const settings = new MagickReadSettings(format === "ico" || format === "tga" ? { format: ASKED[format] } : {});
  const file = MENDERS[format]?.(bytes, name) ?? bytes;
  const pixels = ImageMagick.readCollection(file, settings, (pictures) => pixelsOf(choose(pictures, format), name));
  const bits = channelBits(file, format);
  if (bits) stretch(pixels.data, bits);
  if (format === "jp2" && isSycc(bytes)) (await import("./ycbcr.ts")).ycbcrToRgb(pixels.data);
  return pixels;
}

type Mender = (bytes: Uint8Array, name: string) => Uint8Array;
const MENDERS: Partial<Record<string, Mender>> = { bmp: mendBmp, ico: mendIco, pnm: mendPnm, tga: greyAlone };

/** These two are not told by their bytes. */
const ASKED = { ico: "ICO", tga: "TGA" } as const;

async function loadMagick(): Promise<Magick> {
  const magick = await import("@imagemagick/magick-wasm");
  const { readFile } = await import("node:fs/promises");
  const path = resolvePackage("@imagemagick/magick-wasm/magick.wasm"); // by a name that Turbopack does not look up
  if (!path) throw new Error("@imagemagick/magick-wasm is installed without its magick.wasm");
  await magick.initializeImageMagick(new Uint8Array(await readFile(path)));
  // For what declares its size deeper within, as HEIC does.
  magick.ResourceLimits.width = BigInt(MAX_SIDE);
  magick.ResourceLimits.height = BigInt(MAX_SIDE);
  return magick;
}

/** Pillow opens an icon at its largest size (src/PIL/IcoImagePlugin.py). */
function choose(pictures: IMagickImageCollection, format: string): IMagickImage {
  const [first, ...others] = pictures;
  if (!first) throw new Error("it holds no picture");
  const area = ({ width, height }: IMagickImage) => width * height;
  return format === "ico" ? others.reduce((best, next) => (area(next) > area(best) ? next : best), first) : first;
}

/** Luma and chroma, which ImageMagick leaves: a `colr` box of enumerated colours (1), sYCC (18), of ISO 15444-1. */
function isSycc(jp2: Uint8Array): boolean {
  const header = String.fromCharCode(...jp2.subarray(0, 1024));
  return /colr\x01[\0-\xff]{2}\0\0\0\x12/.test(header);
}

function pixelsOf(picture: IMagickImage, name: string): RgbaImage {
  const { width, height } = picture;
  checkSize(name, width, height);
  const data = picture.getPixels((pixels) => pixels.toByteArray(0, 0, width, height, "RGBA"));
  if (!data) throw new Error("its pixels cannot be read");
  return { width, height, data: data.slice() };
}

/** Bits of red, green and blue in pixels of two bytes; undefined for other pictures. */
function channelBits(bytes: Uint8Array, format: string): readonly number[] | undefined {
  if (format === "tga" && bytes[1] === 1 && bytes[7] === 16) return [5, 5, 5]; // of its palette
  if (format === "tga") return bytes[16] === 16 && bytes[2] !== 3 && bytes[2] !== 11 ? [5, 5, 5] : undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format !== "bmp" || bytes.length < 66 || view.getUint32(14, true) < 40 || view.getUint16(28, true) !== 16) {
    return undefined;
  }
  const hasMasks = view.getUint32(30, true) === 3;
  return hasMasks && view.getUint32(58, true) === 0x7e0 ? [5, 6, 5] : [5, 5, 5];
}

/** ImageMagick rounds when it brings few bits to eight, Pillow rounds down (src/libImaging/Unpack.c). */
function stretch(rgba: Uint8Array, bits: readonly number[]): void {
  for (const [channel, count] of bits.entries()) {
    const most = 2 ** count - 1;
    for (let i = channel; i < rgba.length; i += 4) {
      rgba[i] = Math.floor((Math.round(((rgba[i] ?? 0) * most) / 255) * 255) / most);
    }
  }
}

/** ImageMagick takes TGA's grey with alpha (two bytes a pixel) for something else: here the grey alone is kept. */
function greyAlone(tga: Uint8Array, name: string): Uint8Array {
  const [idLength = 0, , type = 0] = tga;
  if ((type !== 3 && type !== 11) || tga[16] !== 16) return tga;
  const view = new DataView(tga.buffer, tga.byteOffset, tga.byteLength);
  const count = view.getUint16(12, true) * view.getUint16(14, true);
  let at = 18 + idLength;
  // A packet of three bytes is 128 pixels at the most: what is longer has an end too early, and is not made room for.
  const needed = type === 11 ? Math.ceil(count / 128) * 3 : count * 2;
  if (tga.length - at < needed) throw cutOff(name);
  const header = tga.slice(0, 18);
  header.set([0, 0, 3], 0);
  header[16] = 8;
  header[17] = (tga[17] ?? 0) & 0xf0; // no bits of alpha any more
  const out = new Uint8Array(18 + count);
  out.set(header);
  for (let to = 18; to < out.length; ) {
    const packet = type === 11 ? (tga[at++] ?? 0) : 0;
    const isRun = packet >= 128;
    for (let left = type === 11 ? (packet & 127) + 1 : count; left > 0 && to < out.length; left--) {
      if (at + 1 >= tga.length) throw cutOff(name);
      out[to++] = tga[at] ?? 0;
      if (!isRun) at += 2;
    }
    if (isRun) at += 2;
  }
  return out;
}
