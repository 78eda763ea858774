// A small SAM 2 and a small EdgeTAM through a video in a real Chromium: a click and a correction, against transformers.
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { VIDEO_MODELS, VIDEO_STEPS, VIDEO_TOLERANCE } from "../videoSmoke.ts";
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

it.each(VIDEO_MODELS)("%s", async (name) => {
  const tab = await browser.newPage();
  await tab.goto(server.url, { waitUntil: "load" });
  const result = await tab.evaluate((model) => page.video(model), `test/golden/${name}`);
  console.log(name, result);
  expect(result.steps).toBe(VIDEO_STEPS);
  expect(result.logitError).toBeLessThanOrEqual(VIDEO_TOLERANCE.logitError);
  expect(result.scoreError).toBeLessThanOrEqual(VIDEO_TOLERANCE.scoreError);
  expect(result.leakedBuffers).toBe(0);
  await tab.close();
});
