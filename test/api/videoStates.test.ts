// A video whose calls are aborted in every state, and whose device is lost in the middle.
import { beforeAll, describe, expect, it } from "vitest";
import type { SegmentedVideo } from "../../src/api/segmentedVideo.ts";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { Device } from "../../src/device/device.ts";
import { DeviceLostError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { TOGGLES, testDevice } from "../adapters.ts";

const FOLDER = "test/golden/small-edgetam";
const SIDE = 128;
const CLICK = { points: [{ x: 60, y: 50 }] };
const ENOUGH = new Error("enough");

/** A bright square that moves over a pattern. */
function frame(i: number): RawImage {
  const [left, top] = [20 + (i % 60), 40 + (i % 17)];
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % SIDE, Math.floor(at / 3 / SIDE)];
    const isInside = x >= left && x < left + 40 && y >= top && y < top + 40;
    return isInside ? 200 + (at % 3) * 20 : (x * 3 + y * 5) % 90;
  });
  return { width: SIDE, height: SIDE, channels: 3, data };
}

describe("aborted", () => {
  let device: Device;
  let segmenter: VideoSegmenter;
  beforeAll(async () => {
    device = await testDevice();
    segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device });
    return () => segmenter.dispose();
  });

  // Before the call, with it, and so many turns of the event loop later: after 300 it is over.
  it.each([-1, 0, 1, 3, 10, 30, 300])(
    "after %i turns, a call rejects with the reason or is over, the next is right",
    async (turns) => {
      const images = [0, 1, 2, 3].map(frame);
      using other = await segmenter.open(images);
      const alone = await other.addPrompt(0, 1, CLICK);
      const next = await other.propagate({ from: 1 }).next();
      using video = await segmenter.open(images);
      const before = device.memory.buffers;
      const calls: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
        async (signal) => (await segmenter.open(images, { signal })).dispose(),
        (signal) => video.addPrompt(0, "aborted", CLICK, { signal }),
        async (signal) => {
          await video.addPrompt(0, 1, CLICK);
          // Alone: with the one before, where its call was over, it would have a plan for two, which stays.
          await video.propagate({ from: 1, objects: [1], signal }).next();
        },
      ];
      for (const call of calls) {
        const control = new AbortController();
        const abort = () => control.abort(ENOUGH);
        if (turns < 0) abort();
        const result = call(control.signal).catch((error: unknown) => error);
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve));
        abort();
        const error = await result;
        if (error instanceof Error) expect(error).toBe(ENOUGH);
        else if (turns < 0) expect.unreachable("an aborted signal was given");
      }
      video.reset();
      await settled(video);
      await expect.poll(() => device.memory.buffers, { timeout: 10_000 }).toBe(before); // work goes on after an abort
      expect(await video.addPrompt(0, 1, CLICK)).toEqual(alone);
      expect(await video.propagate({ from: 1 }).next()).toEqual(next);
    },
  );

  /** When all that was begun is over. */
  async function settled(video: SegmentedVideo): Promise<void> {
    await video.addPrompt(0, "last", CLICK);
    video.removeObject("last");
    await new Promise((resolve) => setTimeout(resolve, 20));
    await device.done();
  }
});

it("a device that is lost in the middle takes the memory with it: an error says so, and how to go on", async () => {
  const device = await openDevice({ toggles: TOGGLES });
  const segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device });
  try {
    const video = await segmenter.open([0, 1, 2].map(frame));
    await video.addPrompt(0, 1, CLICK);
    const steps = video.propagate();
    await steps.next();
    device.gpu.destroy();
    await device.gpu.lost;
    await expect(steps.next()).rejects.toThrow(DeviceLostError);
    await expect(video.addPrompt(1, 1, CLICK)).rejects.toThrow(
      /what was remembered of the video with it; open it again/,
    );
    video.dispose();
  } finally {
    segmenter.dispose();
  }
});
