// Formats and variants that more than sharp is needed for, against Pillow (test/golden/pictureFormats, made by
// scripts/goldenPictures.py, which takes up those it finds there too: cmyk16, fiveSamples, xmp6 and
// ycbcrOrientation6.tiff, sycc.jp2, exifText6, exifLast6 and exifPrefix6.png, palette555.tga were written by hand,
// tenBits.avif and premultiplied.avif by libavif's avifenc, lab.tiff by Pillow's ImageCms), and what is said where an
// optional package is not there.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { formatOf } from "../../src/io/image/formats.ts";
import { loadImage, type RgbaImage } from "../../src/io/image/image.ts";

const PICTURES = join(import.meta.dirname, "../golden/pictureFormats");

interface Expected {
  width: number;
  height: number;
  rgb: string;
}

const expected = JSON.parse(readFileSync(join(PICTURES, "expected.json"), "utf8")) as Record<string, Expected>;

function rgbOf({ data }: RgbaImage): Buffer {
  return Buffer.from(data.filter((_, index) => index % 4 !== 3));
}

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(PICTURES, name)));
}

/** The most steps of 255 between a channel of Pillow's and ours, where that is not 0. */
const WITHIN: Readonly<Record<string, number>> = { "tenBits.avif": 1, "premultiplied.avif": 2 };

/** As if an optional package were not installed. */
function without(name: string): void {
  vi.doMock(name, () => {
    throw new Error(`Cannot find package ${name}`);
  });
  vi.resetModules();
}

afterEach(() => {
  vi.doUnmock("@imagemagick/magick-wasm");
  vi.doUnmock("@napi-rs/canvas");
  vi.restoreAllMocks();
  vi.resetModules();
});

describe("pictures have the pixels that Pillow reads, whatever their name", () => {
  it.each(Object.entries(expected))("%s", async (name, { width, height, rgb }) => {
    const image = await loadImage(bytesOf(name));
    expect([image.width, image.height]).toEqual([width, height]);
    const pillows = Buffer.from(rgb, "base64");
    const steps = rgbOf(image).map((value, index) => Math.abs(value - (pillows[index] as number)));
    expect(Math.max(...steps)).toBe(WITHIN[name] ?? 0);
  });

  it("refuses TIFF with LAB: sharp would take its numbers for colours of RGB", async () => {
    await expect(loadImage(bytesOf("lab.tiff"))).rejects.toMatchObject({ name: "ImageError" });
  });

  it("keeps alpha beside the colours of GIF, AVIF and TGA", async () => {
    const alphaOf = async (name: string) => (await loadImage(bytesOf(name))).data.filter((_, i) => i % 4 === 3);
    const stored = Uint8Array.from({ length: 13 * 18 }, (_, i) => Math.floor(i / 18) * (i % 18));
    expect(await alphaOf("alpha.tga")).toEqual(stored);
    const avif = await alphaOf("alpha.avif");
    const worst = stored.reduce((most, value, i) => Math.max(most, Math.abs(value - (avif[i] ?? 255))), 0);
    expect(worst).toBeLessThan(12); // packed with loss
    expect(new Set(await alphaOf("transparent.gif"))).toEqual(new Set([0, 255]));
  });

  it("decodes HEIC", async () => {
    const { width, height, data } = await loadImage(bytesOf("fields.heic"));
    expect([width, height]).toEqual([48, 32]);
    const at = (x: number, y: number) => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
    const fields: [number, number, number[]][] = [
      [12, 8, [200, 30, 40]],
      [36, 8, [20, 180, 60]],
      [12, 24, [30, 60, 210]],
      [36, 24, [128, 128, 128]],
    ];
    for (const [x, y, colour] of fields) {
      for (const [c, value] of colour.entries()) expect(Math.abs((at(x, y)[c] ?? 0) - value)).toBeLessThanOrEqual(3);
    }
  });
});

describe("formats by their first bytes", () => {
  it.each([
    ["rgb.bmp", "bmp"],
    ["plain.ppm", "pnm"],
    ["bilevel.pbm", "pnm"],
    ["sizes.ico", "ico"],
    ["greyAlpha.tga", "tga"],
    ["rgb.jp2", "jp2"],
    ["lossy.j2k", "jp2"],
    ["fields.heic", "heic"],
    ["alpha.avif", "avif"],
    ["xmp7.png", undefined],
    ["xmp3.webp", undefined],
    ["xmp2.jpg", undefined],
  ])("%s", (name, format) => {
    expect(formatOf(bytesOf(name))).toBe(format);
  });

  it("takes neither text nor nothing for TGA", () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(64), new TextEncoder().encode("<svg width='4' />")]) {
      expect(formatOf(bytes)).toBeUndefined();
    }
  });
});

describe("pictures that are cut off", () => {
  it.each(["rgb.bmp", "alpha.tga", "rgb.jp2", "sizes.ico", "fields.heic", "chroma420.avif", "ycbcr_raw.tiff"])(
    "%s",
    async (name) => {
      const bytes = bytesOf(name);
      const failure = loadImage(bytes.subarray(0, Math.floor(bytes.length / 3)));
      await expect(failure).rejects.toMatchObject({ name: "ImageError" });
    },
  );
});

describe("without the optional packages", () => {
  it.each(["rgb.bmp", "rgb.ppm", "rgb.tga", "rgb.jp2", "sizes.ico", "fields.heic", "ycbcr_tiff_lzw.tiff"])(
    "%s names the one to install",
    async (name) => {
      without("@imagemagick/magick-wasm");
      const { loadImage: load } = await import("../../src/io/image/image.ts");
      const failure = await load(bytesOf(name)).catch((error: Error) => error);
      expect(failure).toMatchObject({ name: "ImageError" });
      expect((failure as Error).message).toMatch(/npm install @imagemagick\/magick-wasm/);
    },
  );

  it("decodes AVIF by sharp, and says once that the colours are not Python's", async () => {
    without("@napi-rs/canvas");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { loadImage: load } = await import("../../src/io/image/image.ts");
    const first = await load(bytesOf("chroma420.avif"));
    await load(bytesOf("chroma420.avif"));
    expect([first.width, first.height]).toEqual([18, 13]);
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/npm install @napi-rs\/canvas/)]]);
  });

  it("reads GIF, plain YCbCr and XMP with sharp alone", async () => {
    without("@imagemagick/magick-wasm");
    const { loadImage: load } = await import("../../src/io/image/image.ts");
    for (const name of ["transparent.gif", "ycbcr_raw.tiff", "xmp6.jpg"]) {
      const { rgb } = expected[name] as Expected;
      expect(rgbOf(await load(bytesOf(name))).equals(Buffer.from(rgb, "base64")), name).toBe(true);
    }
  });
});

it("says what is expected of a format that nothing reads", async () => {
  const failure = await loadImage(new TextEncoder().encode("PF\n2 2\n-1.0\n0000000000000000")).catch((e: Error) => e);
  expect(failure).toMatchObject({ name: "ImageError" });
  expect((failure as Error).message).toMatch(/expected JPEG, .*JPEG 2000 or HEIC/);
});
