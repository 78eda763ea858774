// The shipped CLIP in a real Chromium: fetched from a server, its texts against PyTorch's, a photo of a cat.
import { expect, it } from "vitest";
import { TEXT_TOLERANCE } from "../clipSmoke.ts";
import type { Page } from "./page.ts";
import { tabsOf } from "./tabs.ts";

declare const page: Page;

const openTab = tabsOf("page.ts");

it("embeds texts as PyTorch does, sees a cat, takes a batch, and leaves nothing on the GPU", async () => {
  const tab = await openTab();
  const result = await tab.evaluate(() => page.clip("checkpoints/tiny-clip", "demos/photos/chelsea.png"));
  expect(result).toMatchObject({ label: "cat", shape: [2, 128], leakedBuffers: 0 });
  expect(result.textError).toBeLessThanOrEqual(TEXT_TOLERANCE);
  expect(result.batchError).toBeLessThanOrEqual(1e-5);
});
