// examples/video in a real Chromium, with a small DINO: without a camera it colours the frames of its drawing.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { servePage, startChromium } from "./chromium.ts";

const FOLDER = join(import.meta.dirname, "../../examples/video");

it("shows frame after frame what DINO sees", async () => {
  const html = readFileSync(join(FOLDER, "index.html"), "utf8");
  expect(html).toContain('src="video.ts"');
  await using server = await servePage(join(FOLDER, "video.ts"), html.replace("video.ts", "page.js"));
  const browser = await startChromium();
  try {
    const tab = await browser.newPage();
    const errors: string[] = [];
    tab.on("pageerror", (error) => errors.push(String(error)));
    await tab.goto(`${server.url}?model=./test/golden/small-dino-p8`, { waitUntil: "load" });
    const look = () =>
      tab.evaluate(() => {
        const canvas = document.querySelector("canvas") as HTMLCanvasElement;
        const { data } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, 28, 28);
        return {
          size: [canvas.width, canvas.height],
          colours: new Set(new Uint32Array(data.buffer)).size,
          sum: data.join(),
        };
      });
    await tab.waitForFunction(() => document.querySelector("p")?.textContent?.includes("ms a frame"), {
      timeout: 200_000,
    });
    const first = await look();
    expect(first.size[0]).toBeGreaterThan(8);
    expect(first.colours).toBeGreaterThan(20);
    const isOther = (before: string) => {
      const canvas = document.querySelector("canvas") as HTMLCanvasElement;
      const { data } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, 28, 28);
      return data.join() !== before;
    };
    await tab.waitForFunction(isOther, { timeout: 100_000, polling: 200 }, first.sum);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
