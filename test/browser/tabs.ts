// A page in Chromium for the tests of a file.
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll } from "vitest";
import { type PageServer, servePage, startChromium } from "./chromium.ts";

/**
 * Serves a page that runs a script of this folder, and starts Chromium, for as long as the tests of the calling file
 * run. Gives a function that opens the page in a new tab.
 */
export function tabsOf(script: string): () => Promise<Page> {
  let server: PageServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await servePage(join(import.meta.dirname, script));
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });
  return async () => {
    const tab = await browser.newPage();
    await tab.goto(server.url, { waitUntil: "load" });
    return tab;
  };
}
