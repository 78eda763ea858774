// TIFF files whose pixels are luma and chroma. libvips reads those that JPEG packed, and takes the others for RGB.

/** How a TIFF file keeps luma and chroma: "plain" bytes for each pixel, or "packed" or with fewer pixels of chroma. */
export function ycbcrOf(tags: ReturnType<typeof firstTags>): "plain" | "packed" | undefined {
  const compression = tags.get(259)?.[0] ?? 1;
  if (tags.get(262)?.[0] !== 6 || compression === 6 || compression === 7) return undefined; // 6 and 7 are JPEG
  // Where nothing is said, Pillow takes plain bytes to be of whole pixels.
  const [across = 1, down = 1] = tags.get(530) ?? [];
  return compression === 1 && across === 1 && down === 1 ? "plain" : "packed";
}

/** The first two short numbers, and their offset, of each tag of the first picture, of TIFF (42) and BigTIFF (43). */
export function firstTags(tiff: Uint8Array): Map<number, readonly [number, number, offset: number]> {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = tiff[0] === 0x49;
  const tags = new Map<number, readonly [number, number, offset: number]>();
  try {
    const isBig = view.getUint16(2, little) === 43;
    const start = isBig ? Number(view.getBigUint64(8, little)) : view.getUint32(4, little);
    const count = isBig ? Number(view.getBigUint64(start, little)) : view.getUint16(start, little);
    const [head, entry, value] = isBig ? [8, 20, 12] : [2, 12, 8];
    for (let i = 0; i < count; i++) {
      const at = start + head + i * entry;
      const [first, second] = [view.getUint16(at + value, little), view.getUint16(at + value + 2, little)];
      tags.set(view.getUint16(at, little), [first, second, at + value]);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut off: the decoder says so
  }
  return tags;
}

/** The file with an orientation of 1: libtiff mirrors pixels that it converts, and turns none. */
export function unturned(tiff: Uint8Array, tags: ReturnType<typeof firstTags>): Uint8Array {
  const offset = tags.get(274)?.[2];
  if (offset === undefined) return tiff;
  const copy = tiff.slice();
  copy.set(tiff[0] === 0x49 ? [1, 0] : [0, 1], offset);
  return copy;
}

/** Pillow's ImagingConvertYCbCr2RGB (src/libImaging/ConvertYCbCr.c), in place: tables in units of 1/64, cut off. */
export function ycbcrToRgb(rgba: Uint8Array): void {
  const table = (factor: number) =>
    Int32Array.from({ length: 256 }, (_, i) => Math.trunc(factor * 64 * (i - 128) + 0.5));
  const [redOfCr, greenOfCb, greenOfCr, blueOfCb] = [table(1.402), table(-0.34414), table(-0.71414), table(1.772)];
  const clamped = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length);
  for (let i = 0; i < rgba.length; i += 4) {
    const [y = 0, cb = 0, cr = 0] = rgba.subarray(i, i + 3);
    clamped[i] = y + ((redOfCr?.[cr] ?? 0) >> 6);
    clamped[i + 1] = y + (((greenOfCb?.[cb] ?? 0) + (greenOfCr?.[cr] ?? 0)) >> 6);
    clamped[i + 2] = y + ((blueOfCb?.[cb] ?? 0) >> 6);
  }
}
