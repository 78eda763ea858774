// Files that declare what they do not hold, or are written otherwise than their format says: Pillow's pixels, or an
// ImageError.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadImage } from "../../src/io/image/image.ts";

const PICTURES = join(import.meta.dirname, "../golden/pictureFormats");

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(PICTURES, name)));
}

function edited(name: string, edit: (view: DataView) => void): Uint8Array {
  const bytes = bytesOf(name);
  edit(new DataView(bytes.buffer));
  return bytes;
}

function at(bytes: Uint8Array, text: string): number {
  return Buffer.from(bytes).indexOf(text, 0, "latin1");
}

describe("files that declare a size they do not hold", () => {
  const sided = (name: string, ...offsets: number[]) =>
    edited(name, (view) => {
      for (const offset of offsets) view.setUint16(offset, 60000, true);
    });

  it.each([
    ["TGA", sided("rgb.tga", 12, 14)],
    ["TGA's grey with alpha", sided("greyAlpha.tga", 12, 14)],
    ["BMP", sided("rgb.bmp", 18, 22)],
    ["ICO", sided("bitmaps.ico", 26 + 12, 6 + 16 * 2 + 4, 6 + 16 * 2 + 8)],
    ["PNM", new TextEncoder().encode("P6 # a comment\n60000 60000\n255\n0000")],
    ["JPEG 2000", edited("rgb.jp2", (view) => view.setUint32(at(bytesOf("rgb.jp2"), "\xff\x4f\xff\x51") + 8, 60000))],
  ])("%s", async (_, bytes) => {
    const failure = loadImage(bytes);
    await expect(failure).rejects.toMatchObject({ name: "ImageError", message: expect.stringContaining("60000") });
  });

  it.each(["greyAlpha.tga", "greyAlphaRuns.tga"])("%s, within the bounds", async (name) => {
    const bytes = edited(name, (view) => {
      view.setUint16(12, 16000, true);
      view.setUint16(14, 16000, true);
    });
    await expect(loadImage(bytes)).rejects.toMatchObject({
      name: "ImageError",
      message: expect.stringMatching(/cut off/),
    });
  });
});
