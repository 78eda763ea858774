// Small DINOs in a real Chromium: fetched from a server, a photo's tokens against PyTorch's.
import { expect, it } from "vitest";
import { DINOS, LEAST_COSINE } from "../dinoSmoke.ts";
import type { Page } from "./page.ts";
import { tabsOf } from "./tabs.ts";

declare const page: Page;

const openTab = tabsOf("page.ts");

it.each(DINOS)("%s sees what PyTorch sees, and leaves nothing on the GPU", async (name) => {
  const tab = await openTab();
  const result = await tab.evaluate((folder) => page.dino(folder, "demos/photos/chelsea.png"), `test/golden/${name}`);
  expect(result.cosine).toBeGreaterThanOrEqual(LEAST_COSINE);
  expect(result.leakedBuffers).toBe(0);
  await tab.close();
});
