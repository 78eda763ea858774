// The size that a file's own header declares. It is read before a decoder is, which would make room for all of it: a
// file of 100 bytes may declare gigabytes.
import type { MagickFormat } from "./formats.ts";
import { checkSize } from "./rgba.ts";

/** Throws ImageError for a header that declares more than MAX_SIDE. What is cut off in it is left to the decoder. */
export function checkDeclared(bytes: Uint8Array, name: string, format: MagickFormat | "tiff"): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const size = READERS[format]?.(view, bytes);
    if (size) checkSize(name, ...size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

type Size = readonly [width: number, height: number];

const READERS: Partial<Record<string, (view: DataView, bytes: Uint8Array) => Size | undefined>> = {
  tga: (view) => [view.getUint16(12, true), view.getUint16(14, true)],
  bmp: (view) => sizeOfBitmap(view, 14),
  ico: sizeOfIcon,
  jp2: sizeOfCodestream,
  pnm: (_, bytes) => pnmHeader(bytes)?.size,
};

function sizeOfBitmap(view: DataView, at: number): Size {
  if (view.getUint32(at, true) === 12) return [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  return [view.getInt32(at + 4, true), Math.abs(view.getInt32(at + 8, true))];
}

/** The largest sides of all pictures in an icon, as ImageMagick decodes each. A bitmap has its mask's rows too. */
function sizeOfIcon(view: DataView): Size | undefined {
  let largest: [number, number] | undefined;
  for (let i = 0; i < view.getUint16(4, true); i++) {
    const at = view.getUint32(6 + i * 16 + 12, true);
    const isPng = view.getUint32(at) === 0x89504e47;
    const [width, rows] = isPng ? [view.getUint32(at + 16), view.getUint32(at + 20)] : sizeOfBitmap(view, at);
    const height = isPng ? rows : Math.ceil(rows / 2);
    largest = [Math.max(largest?.[0] ?? 0, width), Math.max(largest?.[1] ?? 0, height)];
  }
  return largest;
}

/** JPEG 2000's SIZ segment is the first of its codestream (ISO/IEC 15444-1, A.5.1). */
function sizeOfCodestream(view: DataView, bytes: Uint8Array): Size | undefined {
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (view.getUint32(at) !== 0xff4fff51) continue;
    const side = (offset: number) => view.getUint32(at + offset) - view.getUint32(at + offset + 8);
    return [side(8), side(12)];
  }
  return undefined;
}

/** What the text before the pixels of PBM, PGM and PPM says, and where they begin. */
export interface PnmHeader {
  readonly size: Size;
  /** Undefined for PBM, which has none. */
  readonly most: number | undefined;
  /** The offset of the first pixel. */
  readonly end: number;
}

/** Undefined where it is cut off or is no such header. */
export function pnmHeader(bytes: Uint8Array): PnmHeader | undefined {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 4096)); // comments may be long
  const isBilevel = text[1] === "1" || text[1] === "4";
  const skipped = "(?:\\s|#[^\\r\\n]*[\\r\\n])+";
  const match = new RegExp(`^P[1-6]${`${skipped}(\\d+)`.repeat(isBilevel ? 2 : 3)}\\s`).exec(text);
  if (!match) return undefined;
  const [all, width, height, most] = match;
  return { size: [Number(width), Number(height)], most: isBilevel ? undefined : Number(most), end: all.length };
}
