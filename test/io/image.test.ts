// Decoding against Pillow (test/golden/pictures, made by scripts/golden.py), every way to hand over an image that Node
// has, and what is said about things that are not one.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageError, NetworkError, NotFoundError } from "../../src/device/errors.ts";
import { type ImageLike, loadImage, type RgbaImage } from "../../src/io/image/image.ts";

const PICTURES = join(import.meta.dirname, "../golden/pictures");
const PHOTOS = join(import.meta.dirname, "../../demos/photos");

interface Expected {
  width: number;
  height: number;
  rgb: string;
}

const expected = JSON.parse(readFileSync(join(PICTURES, "expected.json"), "utf8")) as Record<string, Expected>;

function expectedRgb(name: string): Expected & { bytes: Buffer } {
  const picture = expected[name];
  if (!picture) throw new Error(`no ${name}`);
  return { ...picture, bytes: Buffer.from(picture.rgb, "base64") };
}

function rgbOf({ data }: RgbaImage): Buffer {
  return Buffer.from(data.filter((_, index) => index % 4 !== 3));
}

async function failureOf(image: unknown, signal?: AbortSignal): Promise<Error> {
  const failure = await loadImage(image as ImageLike, signal).then(
    () => new Error("it was loaded"),
    (error: unknown) => error,
  );
  return failure as Error;
}

describe("encoded pictures have the pixels that Pillow reads", () => {
  it.each(Object.keys(expected))("%s", async (name) => {
    const image = await loadImage(join(PICTURES, name));
    const { width, height, bytes } = expectedRgb(name);
    expect([image.width, image.height]).toEqual([width, height]);
    expect(image.data.length).toBe(width * height * 4);
    expect(rgbOf(image).equals(bytes)).toBe(true);
  });

  it("keeps alpha beside the colours, and makes the rest opaque", async () => {
    const alphaOf = async (name: string) => [
      ...(await loadImage(join(PICTURES, name))).data.filter((_, i) => i % 4 === 3),
    ];
    const stored = Array.from({ length: 13 * 18 }, (_, i) => Math.floor(i / 18) * (i % 18));
    expect(await alphaOf("alpha.png")).toEqual(stored);
    expect(await alphaOf("greyAlpha.png")).toEqual(stored);
    for (const name of ["rgb.png", "grey.png", "rgb16.png", "cmyk.jpg"]) {
      expect(new Set(await alphaOf(name)), name).toEqual(new Set([255]));
    }
  });

  it("keeps the high byte of 16-bit grey", async () => {
    const values = Uint16Array.from({ length: 12 }, (_, i) => i * 5000);
    const png = await sharp(values, { raw: { width: 4, height: 3, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    const { data } = await loadImage(png);
    expect([...data.filter((_, i) => i % 4 === 0)]).toEqual([...values].map((value) => value >> 8));
  });
});

describe("every way to hand over a picture", () => {
  const file = join(PICTURES, "chroma420.jpg");
  const bytes = readFileSync(file);
  const { bytes: rgb } = expectedRgb("chroma420.jpg");
  const padded = new Uint8Array([9, 9, 9, ...bytes, 9]).subarray(3, 3 + bytes.length);
  const ways: Record<string, ImageLike> = {
    path: file,
    "file: URL": pathToFileURL(file),
    "file: URL as a string": pathToFileURL(file).href,
    "data: URL": `data:image/jpeg;base64,${bytes.toString("base64")}`,
    Buffer: bytes,
    Uint8Array: new Uint8Array(bytes),
    "a view into a larger buffer": padded,
    ArrayBuffer: new Uint8Array(bytes).buffer,
    Blob: new Blob([new Uint8Array(bytes)]),
  };
  it.each(Object.entries(ways))("%s", async (_, image) => {
    expect(rgbOf(await loadImage(image)).equals(rgb)).toBe(true);
  });
});

describe("pixels in memory", () => {
  it("adds alpha to three channels", async () => {
    const image = await loadImage({ width: 2, height: 1, channels: 3, data: new Uint8Array([1, 2, 3, 4, 5, 6]) });
    expect(image).toEqual({ width: 2, height: 1, data: new Uint8Array([1, 2, 3, 255, 4, 5, 6, 255]) });
  });

  it("passes four channels through, clamped or not, without a copy", async () => {
    const data = new Uint8ClampedArray([9, 1, 2, 3, 4]).subarray(1);
    const image = await loadImage({ width: 1, height: 1, channels: 4, data });
    expect(image).toEqual({ width: 1, height: 1, data: new Uint8Array([1, 2, 3, 4]) });
    expect(image.data.buffer).toBe(data.buffer);
  });

  it("takes an ImageData, which has no channels", async () => {
    const imageData = {
      width: 1,
      height: 1,
      data: new Uint8ClampedArray([1, 2, 3, 4]),
      colorSpace: "srgb",
    } as ImageData;
    expect([...(await loadImage(imageData)).data]).toEqual([1, 2, 3, 4]);
  });

  const data = new Uint8Array(12);
  it.each([
    [
      "too few bytes",
      { width: 3, height: 2, channels: 4, data },
      /12 bytes of data, expected 24 \(width 3 x height 2 x channels 4\)/,
    ],
    ["too many bytes", { width: 1, height: 1, channels: 3, data }, /12 bytes of data, expected 3/],
    ["one channel", { width: 3, height: 4, channels: 1, data }, /1 channels, expected 3 \(RGB\) or 4/],
    [
      "no width",
      { width: 0, height: 4, channels: 3, data: new Uint8Array(0) },
      /0 x 4 pixels .*expected 1 to 16384 a side/,
    ],
    ["half a pixel", { width: 1.5, height: 2, channels: 4, data }, /1.5 x 2 pixels/],
    ["a negative side", { width: -1, height: -3, channels: 4, data }, /-1 x -3 pixels/],
    ["a side that is no number", { width: Number.NaN, height: 1, channels: 3, data }, /NaN x 1/],
    ["a huge side", { width: 16385, height: 1, channels: 3, data: new Uint8Array(16385 * 3) }, /16385 x 1 .*Resize/],
    ["floats", { width: 1, height: 3, channels: 4, data: new Float32Array(12) }, /not a Uint8Array/],
  ])("%s: ImageError", async (_, image, message) => {
    const failure = await failureOf(image);
    expect(failure).toBeInstanceOf(ImageError);
    expect(failure.message).toMatch(message);
  });
});

describe("things that are not pictures", () => {
  const photo = readFileSync(join(PHOTOS, "dog.jpg"));
  const svg = (width: number, height: number) =>
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="9" height="9"/></svg>`,
    );
  it.each([
    ["words", Buffer.from("hello world"), /cannot be decoded, expected JPEG, PNG/],
    ["no bytes", new Uint8Array(0), /cannot be decoded/],
    ["half a JPEG", photo.subarray(0, 30_000), /cannot be decoded.*premature end/],
    ["half a PNG", readFileSync(join(PICTURES, "rgb.png")).subarray(0, 70), /cannot be decoded/],
    ["a picture without pixels", svg(0, 0), /cannot be decoded/],
    ["a huge picture", svg(20_000, 20), /20000 x 20 pixels .*expected 1 to 16384/],
    ["an empty Blob", new Blob([]), /the Blob cannot be decoded/],
    ["undefined", undefined, /undefined is not an image\. Expected a path/],
    ["null", null, /null is not an image/],
    ["a number", 7, /7 is not an image/],
    ["an empty object", {}, /Expected a path/],
    ["floats", new Float32Array(4), /not bytes/],
    ["a folder", PHOTOS, /is a folder/],
    ["a path with a NUL", "a\0b", /cannot be read/],
    ["a URL that is not one", "http://", /is not a valid URL/],
  ])("%s: ImageError", async (_, image, message) => {
    const failure = await failureOf(image);
    expect(failure).toBeInstanceOf(ImageError);
    expect(failure.message).toMatch(message);
  });

  it.each([
    ["a path", "no/such/cat.png"],
    ["a file: URL", pathToFileURL("/no/such/cat.png")],
    ["a file below a file", join(PICTURES, "rgb.png/cat.png")],
  ])("%s that is not there: NotFoundError that names it", async (_, image) => {
    const failure = await failureOf(image);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure.message).toMatch(/there is no file .*cat\.png/);
  });
});

describe("pictures from a server", () => {
  let server: Server;
  let origin: string;
  const picture = readFileSync(join(PICTURES, "chroma420.jpg"));

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? "";
      if (path.startsWith("/picture.jpg")) response.end(picture);
      else if (path === "/page") response.end("<!doctype html><title>Sign in</title>");
      else if (path === "/moved") response.writeHead(302, { location: "/picture.jpg" }).end();
      else if (path === "/locked") response.writeHead(401).end();
      else if (path === "/endless") response.writeHead(200, { "content-length": 2 ** 31 }).write("x");
      else if (path === "/cut") {
        response.writeHead(200, { "content-length": picture.length });
        response.write(picture.subarray(0, 100), () => response.destroy());
      } else if (path === "/slow") response.writeHead(200, { "content-length": 1000 }).write("x");
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("a URL, a string, a redirect", async () => {
    const { bytes } = expectedRgb("chroma420.jpg");
    for (const image of [new URL("/picture.jpg?size=1", origin), `${origin}/picture.jpg`, `${origin}/moved`]) {
      expect(rgbOf(await loadImage(image)).equals(bytes)).toBe(true);
    }
  });

  it("404: NotFoundError", async () => {
    const failure = await failureOf(`${origin}/none.jpg?token=secret`);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure.message).toMatch(/none\.jpg \(HTTP 404\)/);
    expect(failure.message).not.toMatch(/secret/);
  });

  it.each([
    ["401", "/locked", NetworkError, /HTTP 401/],
    ["cut off", "/cut", NetworkError, /could not be fetched/],
    ["a page", "/page", ImageError, /page cannot be decoded/],
    ["too long", "/endless", ImageError, /2147483648 bytes long/],
  ])("%s", async (_, path, kind, message) => {
    const failure = await failureOf(origin + path);
    expect(failure).toBeInstanceOf(kind);
    expect(failure.message).toMatch(message);
  });

  it("nobody listens: NetworkError with the reason", async () => {
    const failure = await failureOf("http://127.0.0.1:1/cat.png");
    expect(failure).toBeInstanceOf(NetworkError);
    expect(failure.message).toMatch(/127\.0\.0\.1:1\/cat\.png could not be fetched: .*\(.+\)/);
  });

  it("an abort rejects with the signal's reason, before and during the download", async () => {
    const controller = new AbortController();
    const loading = failureOf(`${origin}/slow`, controller.signal);
    setTimeout(() => controller.abort(new Error("enough")), 20);
    expect((await loading).message).toBe("enough");
    expect((await failureOf(join(PICTURES, "rgb.png"), controller.signal)).message).toBe("enough");
  });
});

describe("a photo of a phone", () => {
  const folder = mkdtempSync(join(tmpdir(), "image-test-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is upright, whatever characters its name has", async () => {
    const file = join(folder, "schöne %20 Katze #1?.jpg");
    const turned = await sharp(join(PHOTOS, "dog.jpg")).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    writeFileSync(file, turned);
    const image = await loadImage(file);
    expect([image.width, image.height]).toEqual([534, 800]); // stored as 800 x 534
    expect((await loadImage(pathToFileURL(file))).data.length).toBe(image.data.length);
  });
});
