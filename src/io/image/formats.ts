// What an encoded picture is, told by its first bytes: its name may lie (BMP files called .png are common).

/** Formats that are not sharp's; magick.ts reads them. */
export type MagickFormat = "bmp" | "heic" | "ico" | "jp2" | "pnm" | "tga";

/** Formats of sharp's whose pixels need more than sharp to be Pillow's. */
type SpecialFormat = "avif" | "gif" | "tiff";

const MAGIC: readonly (readonly [MagickFormat | SpecialFormat, RegExp])[] = [
  ["gif", /^GIF8[79]a/],
  ["tiff", /^(II[*+]\0|MM\0[*+])/],
  ["bmp", /^BM/],
  ["pnm", /^P[1-6]\s/],
  ["ico", /^\0\0\x01\0/],
  ["jp2", /^(\0\0\0\x0cjP {2}\r\n\x87\n|\xff\x4f\xff\x51)/],
];

/** Undefined for JPEG, PNG, WebP and SVG, which are sharp's alone, and for what is not known. */
export function formatOf(bytes: Uint8Array): MagickFormat | SpecialFormat | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  const known = MAGIC.find(([, pattern]) => pattern.test(start))?.[0];
  return known ?? ofBrands(start) ?? (isTga(bytes) ? "tga" : undefined);
}

/** Of the family of HEIF, whose box of brands (`ftyp`) says by which codec the picture is. */
function ofBrands(start: string): "avif" | "heic" | undefined {
  if (start.slice(4, 8) !== "ftyp") return undefined;
  const brands = start.slice(8, start.charCodeAt(3));
  if (/avi[fs]/.test(brands)) return "avif";
  return /hei[cmsx]|hev[cmsx]|mif1|msf1/.test(brands) ? "heic" : undefined;
}

/**
 * TGA begins with no magic bytes. As Pillow does (src/PIL/TgaImagePlugin.py), its header is held to what it may say.
 */
function isTga(bytes: Uint8Array): boolean {
  const [, hasColourMap = 2, type = 0] = bytes;
  const [depth = 0] = bytes.subarray(16);
  const isEmpty = ![12, 13].some((at) => bytes[at]) || ![14, 15].some((at) => bytes[at]);
  return hasColourMap <= 1 && [1, 2, 3, 9, 10, 11].includes(type) && [1, 8, 16, 24, 32].includes(depth) && !isEmpty;
}
