// Small DINOs in a real Chromium: fetched from a server, a photo's tokens against PyTorch's.
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DINOS, LEAST_COSINE } from "../dinoSmoke.ts";
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

it.each(DINOS)("%s sees what PyTorch sees, and leaves nothing on the GPU", async (name) => {
  const tab = await browser.newPage();
  await tab.goto(server.url, { waitUntil: "load" });
  const result = await tab.evaluate((folder) => page.dino(folder, "demos/photos/chelsea.png"), `test/golden/${name}`);
  expect(result.cosine).toBeGreaterThanOrEqual(LEAST_COSINE);
  expect(result.leakedBuffers).toBe(0);
  await tab.close();
});
