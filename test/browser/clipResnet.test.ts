// A small CLIP ResNet in a real Chromium: fetched from a server as open_clip publishes it, two photos against
// open_clip.
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { CLIP_RESNET } from "../clipResnetSmoke.ts";
import { servePage, startChromium } from "./chromium.ts";
import type { Page } from "./page.ts";

declare const page: Page;

it("gives open_clip's embeddings", async () => {
  await withSeededCheckpoint(
    `${CLIP_RESNET.folder}/manifest.json`,
    async (path) => {
      await copyFile(`${CLIP_RESNET.folder}/open_clip_config.json`, join(dirname(path), "open_clip_config.json"));
      await using server = await servePage(join(import.meta.dirname, "page.ts"), dirname(path));
      const browser = await startChromium();
      try {
        const tab = await browser.newPage();
        await tab.goto(server.url, { waitUntil: "load" });
        const cosine = await tab.evaluate(
          ({ folder, photos }) => page.clipResnet("made", `${folder}/golden.safetensors`, photos),
          CLIP_RESNET,
        );
        expect(cosine).toBeGreaterThanOrEqual(0.9999);
      } finally {
        await browser.close();
      }
    },
    "open_clip_model.safetensors",
  );
});
