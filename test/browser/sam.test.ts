// A small SAM in a real Chromium: fetched from a server, a point on a photo against PyTorch.
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SAM_PICTURE, SAM_TOLERANCE } from "../samSmoke.ts";
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

it("gives PyTorch's masks, and leaves nothing on the GPU", async () => {
  const tab = await browser.newPage();
  await tab.goto(server.url, { waitUntil: "load" });
  const result = await tab.evaluate((picture) => page.sam("test/golden/small-sam", picture), SAM_PICTURE);
  expect(result.logitError).toBeLessThanOrEqual(SAM_TOLERANCE.logitError);
  expect(result.scoreError).toBeLessThanOrEqual(SAM_TOLERANCE.scoreError);
  expect(result.areaError).toBeLessThanOrEqual(SAM_TOLERANCE.areaError);
  expect(result.leakedBuffers).toBe(0);
});
