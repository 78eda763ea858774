// A small CLIP ResNet in a real Chromium: fetched from a server as open_clip publishes it, two photos against
// open_clip.
import { join } from "node:path";
import { expect, it } from "vitest";
import { CLIP_RESNET } from "../clipResnetSmoke.ts";
import { servePage, startChromium } from "./chromium.ts";
import type { Page } from "./page.ts";

declare const page: Page;

it("gives open_clip's embeddings", async () => {
  await using server = await servePage(join(import.meta.dirname, "page.ts"));
  const browser = await startChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(server.url, { waitUntil: "load" });
    const cosine = await tab.evaluate(
      ({ folder, photos }) => page.clipResnet(folder, `${folder}/golden.safetensors`, photos),
      CLIP_RESNET,
    );
    expect(cosine).toBeGreaterThanOrEqual(0.9999);
  } finally {
    await browser.close();
  }
});
