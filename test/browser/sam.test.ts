// A small SAM in a real Chromium: fetched from a server, a point on a photo against PyTorch.
import { expect, it } from "vitest";
import { SAM_PICTURE, SAM_TOLERANCE } from "../samSmoke.ts";
import type { Page } from "./page.ts";
import { tabsOf } from "./tabs.ts";

declare const page: Page;

const openTab = tabsOf("page.ts");

it("gives PyTorch's masks, and leaves nothing on the GPU", async () => {
  const tab = await openTab();
  const result = await tab.evaluate((picture) => page.sam("test/golden/small-sam", picture), SAM_PICTURE);
  expect(result.logitError).toBeLessThanOrEqual(SAM_TOLERANCE.logitError);
  expect(result.scoreError).toBeLessThanOrEqual(SAM_TOLERANCE.scoreError);
  expect(result.areaError).toBeLessThanOrEqual(SAM_TOLERANCE.areaError);
  expect(result.leakedBuffers).toBe(0);
});
