// The orientation of PNG files where sharp does not see it and Pillow does (src/PIL/PngImagePlugin.py, Image.getexif).
import { firstTags } from "./ycbcr.ts";

const SIGNATURE = "\x89PNG\r\n\x1a\n";
const PROFILE = "Raw profile type exif\0";
/** Pillow's MAX_TEXT_CHUNK: text that unpacks to more is refused. */
const MAX_TEXT = 1024 * 1024;

/** The orientation in EXIF: an `eXIf` chunk at any place, else the text that ImageMagick writes; undefined without. */
export async function pngOrientation(png: Uint8Array): Promise<number | undefined> {
  let exif: Uint8Array | undefined;
  let text: Uint8Array | undefined;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = SIGNATURE.length; at + 12 <= png.length; at += 12 + view.getUint32(at)) {
    const type = latin1(png.subarray(at + 4, at + 8));
    const data = png.subarray(at + 8, at + 8 + view.getUint32(at));
    if (type === "eXIf") exif = data;
    else if ((type === "zTXt" || type === "tEXt") && latin1(data.subarray(0, PROFILE.length)) === PROFILE) {
      text = type === "tEXt" ? data.subarray(PROFILE.length) : await unpacked(data.subarray(PROFILE.length + 1));
    }
  }
  let tiff = exif ?? (text && fromHex(latin1(text)));
  while (tiff && latin1(tiff.subarray(0, 6)) === "Exif\0\0") tiff = tiff.subarray(6);
  return tiff && firstTags(tiff).get(274)?.[0];
}

/** Empty where it is no zlib stream or too long. */
async function unpacked(data: Uint8Array): Promise<Uint8Array> {
  const { inflateSync } = await import("node:zlib");
  try {
    return inflateSync(data, { maxOutputLength: MAX_TEXT });
  } catch {
    return new Uint8Array(0);
  }
}

/** An empty line, the name, the length, then hexadecimal digits in lines. */
function fromHex(profile: string): Uint8Array {
  const digits = profile.split("\n").slice(3).join("").replace(/\s/g, "");
  const pairs = /^[0-9a-f]*$/i.test(digits) ? (digits.match(/../g) ?? []) : [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
