// A small CLIP ResNet in a real Chromium: fetched from a server as open_clip publishes it, two photos against
// open_clip.
import { expect, it } from "vitest";
import { CLIP_RESNET } from "../clipResnetSmoke.ts";
import type { Page } from "./page.ts";
import { tabsOf } from "./tabs.ts";

declare const page: Page;

const openTab = tabsOf("page.ts");

it("gives open_clip's embeddings", async () => {
  const tab = await openTab();
  const cosine = await tab.evaluate(
    ({ folder, photos }) => page.clipResnet(folder, `${folder}/golden.safetensors`, photos),
    CLIP_RESNET,
  );
  expect(cosine).toBeGreaterThanOrEqual(0.9999);
});
