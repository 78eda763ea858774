// The shipped CLIP in a real Chromium: fetched from a server, its texts against PyTorch's, a photo of a cat.
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TEXT_TOLERANCE } from "../clipSmoke.ts";
import { type PageServer, servePage, startChromium } from "./chromium.ts";
import type { Page } from "./page.ts";

declare const page: Page;

let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  server = await servePage(join(import.meta.dirname, "page.ts"));
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

it("embeds texts as PyTorch does, sees a cat, takes a batch, and leaves nothing on the GPU", async () => {
  const tab = await browser.newPage();
  await tab.goto(server.url, { waitUntil: "load" });
  const result = await tab.evaluate(() => page.clip("checkpoints/tiny-clip", "demos/photos/chelsea.png"));
  expect(result).toMatchObject({ label: "cat", shape: [2, 128], leakedBuffers: 0 });
  expect(result.textError).toBeLessThanOrEqual(TEXT_TOLERANCE);
  expect(result.batchError).toBeLessThanOrEqual(1e-5);
});
