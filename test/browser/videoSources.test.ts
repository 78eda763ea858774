// Where the frames of a video come from in a real Chromium: WebCodecs' VideoFrames, a film in a <video>, a live stream.
import type { Page as Tab } from "puppeteer-core";
import { beforeAll, expect, it } from "vitest";
import { tabsOf } from "./tabs.ts";
import type { VideoSourcesPage } from "./videoSourcesPage.ts";

declare const page: VideoSourcesPage;

const openTab = tabsOf("videoSourcesPage.ts");
let tab: Tab;

beforeAll(async () => {
  tab = await openTab();
});

it("VideoFrames of an iterator are gone through once, and each is closed", async () => {
  const { seen, isClosed } = await tab.evaluate(() => page.videoFrames());
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(isClosed).toEqual([true, true, true, true, true]);
});

it("a <video> is sent to the time of each frame, forwards and backwards", async () => {
  const { length, shown } = await tab.evaluate(() => page.element());
  expect(length).toBe(5);
  expect(shown.map(({ frame }) => frame)).toEqual([2, 3, 4, 1, 0]);
  for (const { frame, time } of shown) expect(time).toBeCloseTo(frame + 0.5, 2);
  // A recorder's times are those of a busy machine: two of our frames may be one of the film's, but none is earlier.
  const reds = shown.sort((a, b) => a.frame - b.frame).map(({ red }) => red);
  for (let i = 1; i < reds.length; i++) expect(reds[i], `${reds}`).toBeGreaterThanOrEqual((reds[i - 1] ?? 0) - 8);
  expect((reds[4] ?? 0) - (reds[0] ?? 0)).toBeGreaterThan(60);
});

it("of a stream the newest frame is taken; as a film it is refused", async () => {
  const { seen, dropped, refused } = await tab.evaluate(() => page.live());
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(dropped).toBeGreaterThan(4);
  expect(refused).toMatch(/ArgumentError: the video element plays a stream, which has no end: give liveFrames of it/);
});
