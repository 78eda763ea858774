// A small SAM 2 and a small EdgeTAM through a video in a real Chromium: a click and a correction, against transformers.
import { expect, it } from "vitest";
import { VIDEO_MODELS, VIDEO_STEPS, VIDEO_TOLERANCE } from "../videoSmoke.ts";
import type { Page } from "./page.ts";
import { tabsOf } from "./tabs.ts";

declare const page: Page;

const openTab = tabsOf("page.ts");

it.each(VIDEO_MODELS)("%s", async (name) => {
  const tab = await openTab();
  const result = await tab.evaluate((model) => page.video(model), `test/golden/${name}`);
  console.log(name, result);
  expect(result.steps).toBe(VIDEO_STEPS);
  expect(result.logitError).toBeLessThanOrEqual(VIDEO_TOLERANCE.logitError);
  expect(result.scoreError).toBeLessThanOrEqual(VIDEO_TOLERANCE.scoreError);
  expect(result.leakedBuffers).toBe(0);
  await tab.close();
});
