// Images in a real Chromium: the pixels that Pillow reads, from every kind of object that a browser has.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page as Tab } from "puppeteer-core";
import { beforeAll, describe, expect, it } from "vitest";
import type { ImagePage, Outcome, Way } from "./imagePage.ts";
import { tabsOf } from "./tabs.ts";

declare const page: ImagePage;

const PICTURES = join(import.meta.dirname, "../golden/pictures");

interface Expected {
  width: number;
  height: number;
  rgb: string;
}

const expected = JSON.parse(readFileSync(join(PICTURES, "expected.json"), "utf8")) as Record<string, Expected>;

const openTab = tabsOf("imagePage.ts");
let tab: Tab;

beforeAll(async () => {
  tab = await openTab();
});

const TYPES: Record<string, string> = { png: "image/png", jpg: "image/jpeg", webp: "image/webp", gif: "image/gif" };

function dataUrl(name: string, bytes: Uint8Array = readFileSync(join(PICTURES, name))): string {
  return `data:${TYPES[name.split(".").pop() ?? ""]};base64,${Buffer.from(bytes).toString("base64")}`;
}

async function load(url: string, way: Way): Promise<Outcome> {
  return tab.evaluate((at, kind) => page.load(at, kind), url, way);
}

/** The largest difference to Pillow's pixels. */
function difference({ data }: Outcome, name: string): number {
  const rgb = Buffer.from(expected[name]?.rgb ?? "", "base64");
  const colours = data.filter((_, index) => index % 4 !== 3);
  expect(colours.length).toBe(rgb.length);
  return Math.max(...colours.map((value, index) => Math.abs(value - (rgb[index] ?? 0))));
}

describe("encoded pictures have the pixels that Pillow reads", () => {
  // Chromium has no TIFF, and converts CMYK by a profile.
  const names = Object.keys(expected).filter((name) => !name.endsWith(".tiff") && name !== "cmyk.jpg");
  it.each(names)("%s", async (name) => {
    const outcome = await load(dataUrl(name), "Blob");
    expect(outcome.error).toBe("");
    expect([outcome.width, outcome.height]).toEqual([expected[name]?.width, expected[name]?.height]);
    expect(difference(outcome, name)).toBe(0);
  });

  it("keeps the stored alpha", async () => {
    const { data } = await load(dataUrl("alpha.png"), "Blob");
    const stored = Array.from({ length: 13 * 18 }, (_, i) => Math.floor(i / 18) * (i % 18));
    expect(data.filter((_, index) => index % 4 === 3)).toEqual(stored);
  });
});

describe("every way to hand over a picture", () => {
  const ways: Way[] = [
    "string",
    "URL",
    "Blob",
    "Uint8Array",
    "ArrayBuffer",
    "ImageBitmap",
    "img element, not loaded yet",
    "canvas element",
    "OffscreenCanvas",
    "ImageData",
    "VideoFrame",
  ];
  it.each(ways)("%s", async (way) => {
    const outcome = await load(dataUrl("rgb.png"), way);
    expect(outcome.error).toBe("");
    expect([outcome.width, outcome.height]).toEqual([18, 13]);
    expect(difference(outcome, "rgb.png")).toBe(0);
  });
});

describe("things that are not pictures", () => {
  it("words: ImageError", async () => {
    const { error } = await load(dataUrl("words.png", Buffer.from("hello")), "Blob");
    expect(error).toMatch(/^ImageError: \[image\] the Blob cannot be decoded/);
  });

  it("an img element that fails to load: ImageError", async () => {
    const { error } = await load(dataUrl("words.png", Buffer.from("hello")), "img element, not loaded yet");
    expect(error).toMatch(/^ImageError: \[image\] the HTMLImageElement cannot be decoded/);
  });

  it("nobody listens: NetworkError", async () => {
    expect((await load("http://127.0.0.1:1/cat.png", "string")).error).toMatch(
      /^NetworkError: .*127\.0\.0\.1:1\/cat\.png/,
    );
  });
});

it.each(["string", "img element, not loaded yet", "canvas with an img drawn"] as const)(
  "another site's picture, as %s: an ImageError that says what lets pages read it",
  async (way) => {
    const foreign = tab.url().replace("127.0.0.1", "localhost");
    const { error } = await load(`${foreign}demos/photos/chelsea.png`, way);
    expect(error).toMatch(/^ImageError: .*another site.*CORS.*crossorigin="anonymous"/);
  },
);
