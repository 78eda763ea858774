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

describe("files written otherwise than their format says have Pillow's pixels", () => {
  const whole = bytesOf("rgb.bmp"); // 18 x 13, rows of 54 bytes and 2 of padding
  const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  const gap = joined(whole.subarray(0, 54), new Uint8Array(16), whole.subarray(54));
  new DataView(gap.buffer).setUint32(10, 70, true);

  it.each([
    ["a length of 0", edited("rgb.bmp", (view) => view.setUint32(2, 0, true))],
    ["a length that is wrong", edited("rgb.bmp", (view) => view.setUint32(2, 99, true))],
    ["bytes behind the pixels", joined(whole, new Uint8Array(5))],
    ["a gap before the pixels", gap],
    ["no padding of the last row", whole.subarray(0, -2)],
    ["no offset", edited("rgb.bmp", (view) => view.setUint32(10, 0, true))],
  ])("BMP with %s", async (_, bytes) => {
    expect(await loadImage(bytes)).toEqual(await loadImage(whole));
  });

  it("an icon without masks, whose lengths say more than it holds", async () => {
    const icon = edited("bitmaps.ico", (view) => {
      for (const entry of [6, 22]) view.setUint32(entry + 8, 1e6, true);
    });
    expect(await loadImage(icon)).toEqual(await loadImage(bytesOf("bitmaps.ico")));
  });

  it.each([
    ["P5 3 1 100\n", [49, 50, 51], [125, 128, 130]], // 124.95, 127.5 to even, 130.05
    ["P5 3 1 254\n", [1, 127, 255], [1, 128, 255]], // 127.5; more than the most is cut off
    ["P2 # plain\n3 1\n100\n49 50 # half\n51", [], [125, 128, 130]],
    ["P5 2 1 1000\n", [0, 2, 1, 244], [1, 128]], // 0.51 and 127.5
  ])("%j", async (header, pixels, expected) => {
    const { data } = await loadImage(joined(new TextEncoder().encode(header), new Uint8Array(pixels)));
    expect([...data.filter((_, i) => i % 4 === 0)]).toEqual(expected);
  });

  it.each(["P1\n3 2\n10110", "P4\n9 2\n000", "P5 2 2 100\n000", "P2 1 1 9\n10", "P3 1 1 255\n1 2"])(
    "refuses %j",
    async (text) => {
      await expect(loadImage(new TextEncoder().encode(text))).rejects.toMatchObject({ name: "ImageError" });
    },
  );
});
