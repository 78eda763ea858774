// PNG files: what is written is read back to the bit, and a failed write leaves nothing behind.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ArgumentError, ImageError } from "../../src/device/errors.ts";
import { loadImage } from "../../src/io/image/image.ts";
import { writePng } from "../../src/io/image/picture.ts";

const folder = mkdtempSync(join(tmpdir(), "picture-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const image = { width: 5, height: 3, data: Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256) };

describe("writePng", () => {
  it("keeps every byte, colours of transparent pixels too", async () => {
    expect(await loadImage(await writePng(undefined, image))).toEqual(image);
  });

  it("writes the file, replaces one that is there, and leaves nothing else", async () => {
    const path = join(folder, "mask.png");
    writeFileSync(path, "an older file");
    const png = await writePng(path, image);
    expect(new Uint8Array(readFileSync(path))).toEqual(png);
    expect(await loadImage(path)).toEqual(image);
    expect(readdirSync(folder)).toEqual(["mask.png"]);
  });

  it("cleans up when it cannot write", async () => {
    const taken = join(folder, "taken.png");
    mkdirSync(taken);
    await expect(writePng(taken, image)).rejects.toBeInstanceOf(ArgumentError);
    await expect(writePng(join(folder, "none/mask.png"), image)).rejects.toThrow(/none\/mask\.png cannot be written/);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it.each([
    ["too little data", { ...image, data: image.data.subarray(4) }, /56 bytes, expected 60/],
    ["no pixels", { width: 0, height: 0, data: new Uint8Array(0) }, /0 x 0 pixels/],
  ])("refuses %s", async (_, wrong, message) => {
    const failure = await writePng(undefined, wrong).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ImageError);
    expect((failure as Error).message).toMatch(message);
  });
});
