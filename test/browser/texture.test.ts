// Pictures that a browser holds go to the GPU by a texture, in a real Chromium: the same results as from their bytes,
// without reading them back; and by a canvas where that is not possible.
import type { Page as Tab } from "puppeteer-core";
import { beforeAll, expect, it } from "vitest";
import { tabsOf } from "./tabs.ts";
import type { TexturePage } from "./texturePage.ts";

declare const page: TexturePage;

const openTab = tabsOf("texturePage.ts");
let tab: Tab;

beforeAll(async () => {
  tab = await openTab();
});

// 451 and 600 pixels wide, 512, and one with colours under every alpha: rows of whole 256 bytes and others.
const PHOTOS = ["chelsea.png", "coffee.png", "astronaut.png"].map((name) => `demos/photos/${name}`);
const ALPHA = "test/golden/pictures/alpha.png";

it.each(["Blob", "ImageBitmap", "img", "canvas", "OffscreenCanvas", "VideoFrame"] as const)("%s", async (kind) => {
  const { one, all, copies, reads } = await tab.evaluate((name, urls) => page.clip(name, urls), kind, PHOTOS);
  expect(one).toBe(0);
  expect(all).toBeLessThanOrEqual(1e-5); // three in one run
  expect({ copies, reads }).toEqual({ copies: 2 * PHOTOS.length, reads: 0 });
});

it("a picture that is not opaque: colours as they are stored", async () => {
  const outcome = await tab.evaluate((urls) => page.clip("Blob", urls), [ALPHA]);
  expect(outcome).toEqual({ one: 0, all: 0, copies: 2, reads: 0 });
});

it("the current frame of a video element", async () => {
  const { cosine, copies, reads } = await tab.evaluate((url) => page.video(url), PHOTOS[0] as string);
  expect({ copies, reads }).toEqual({ copies: 1, reads: 0 });
  expect(cosine).toBeGreaterThan(0.9999);
});

it.each(["dino", "dinov3"] as const)("%s", async (model) => {
  const outcome = await tab.evaluate((name, url) => page.dino(name, url), model, PHOTOS[0] as string);
  expect(outcome).toEqual({ error: 0, copies: 1, reads: 0 });
});

it("SAM, and the crops of everything mode", async () => {
  const { length, ...found } = await tab.evaluate((url) => page.sam(url), PHOTOS[0] as string);
  expect(length).toBeGreaterThan(100);
  expect(found).toEqual({ error: 0, isSame: true, copies: 6, reads: 0 });
});

it("goes by a canvas where a browser refuses, and for pictures beyond the largest texture", async () => {
  const { refused, large } = await tab.evaluate((url) => page.fallbacks(url), PHOTOS[0] as string);
  expect(refused).toEqual({ error: 0, reads: 1 });
  expect(large).toEqual({ error: 0, copies: 0, reads: 1 });
});

it("keeps results on the caller's device, and says when a frame is closed", async () => {
  expect(await tab.evaluate((url) => page.kept(url), PHOTOS[0] as string)).toEqual({
    error: 0,
    leaked: 0,
    closed: "ImageError",
  });
});
