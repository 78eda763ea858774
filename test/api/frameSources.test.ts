// Frames of a video from anywhere: iterators that end early or fail, frames of another size, pictures that must be
// closed exactly once, aborts, cameras that are faster than the model, and 10,000 frames without growth.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FrameCursor } from "../../src/api/frameCursor.ts";
import type { FrameSource } from "../../src/api/frameSource.ts";
import { liveFrames } from "../../src/api/liveFrames.ts";
import { type Frames, openFrames } from "../../src/api/openFrames.ts";
import type { SegmentedVideo } from "../../src/api/segmentedVideo.ts";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, DisposedError, ImageError, VisionError } from "../../src/device/errors.ts";
import type { ImageLike, RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";
import { standInFfmpeg } from "../io/standInFfmpeg.ts";

const SIDE = 48;
const CLICK = { points: [{ x: 20, y: 20 }] };
let device: Device;
let segmenter: VideoSegmenter;

beforeAll(async () => {
  device = await testDevice();
  segmenter = await VideoSegmenter.fromPretrained("test/golden/small-sam2-video", { device });
});
afterAll(() => segmenter.dispose());

/** A picture of one colour that counts how often it was closed. */
class Frame implements RawImage {
  readonly channels = 4;
  readonly data: Uint8Array;
  closed = 0;
  constructor(
    shade: number,
    readonly width = SIDE,
    readonly height = SIDE,
  ) {
    this.data = new Uint8Array(4 * width * height).fill(shade);
  }
  close(): void {
    this.closed++;
  }
}

const shades = (count: number) => Array.from({ length: count }, (_, i) => new Frame(40 + 20 * i));

async function* oneByOne(frames: readonly ImageLike[], failure?: Error) {
  yield* frames;
  if (failure) throw failure;
}

/** What propagate gives, until it ends. */
async function through(video: SegmentedVideo, options = {}) {
  const seen: { frame: number; mask: string; score: number }[] = [];
  for await (const { frame, masks } of video.propagate(options)) {
    const { mask, score } = masks.get(1) ?? { mask: [], score: Number.NaN };
    seen.push({ frame, mask: mask.join(""), score });
  }
  return seen;
}

describe("frames that come one after the other", () => {
  it("give the masks of a list of as many as pointers look at, and are closed exactly once", async () => {
    const count = 16; // transformers scales the times of pointers by the frames of a shorter video
    const listed = shades(count);
    using list = await segmenter.open(listed);
    await list.addPrompt(0, 1, CLICK);
    const expected = await through(list);
    expect(listed.map(({ closed }) => closed)).toEqual(Array(count).fill(0)); // these are the caller's
    const given = shades(count);
    const video = await segmenter.open(oneByOne(given));
    expect(video.length).toBeUndefined();
    await video.addPrompt(0, 1, CLICK);
    const seen = await through(video);
    expect(seen.map(({ frame }) => frame)).toEqual(expected.map(({ frame }) => frame));
    expect(seen).toEqual(expected);
    video.dispose();
    expect(given.map(({ closed }) => closed)).toEqual(Array(count).fill(1));
  });

  it("are prompted and gone on from where they are; what cannot be done says so", async () => {
    using video = await segmenter.open(oneByOne(shades(5)));
    await video.addPrompt(0, 1, CLICK);
    for await (const { frame } of video.propagate()) if (frame === 2) break;
    await expect(video.addPrompt(1, 1, CLICK)).rejects.toThrow(ArgumentError);
    await expect(video.addPrompt(1, 1, CLICK)).rejects.toThrow(
      /a prompt is of frame 1, expected 2 or 3: these frames come one after the other, and the video is at frame 2/,
    );
    await expect(video.propagate({ direction: "both" }).next()).rejects.toThrow(
      /direction is "both", but these frames/,
    );
    await expect(video.propagate({ from: 0 }).next()).rejects.toThrow(/from is frame 0, expected 2 or 3/);
    await video.addPrompt(2, 1, CLICK); // corrects the frame that is there
    expect((await through(video)).map(({ frame }) => frame)).toEqual([2, 3, 4]);
    await expect(video.addPrompt(5, 1, CLICK)).rejects.toThrow(/there is no frame 5: the video ended after 5 frames/);
    expect(await through(video, { from: 5 })).toEqual([]);
  });

  it("that end before the first one are no video", async () => {
    await expect(segmenter.open(oneByOne([]))).rejects.toThrow(/the video has no frames/);
  });

  it("that fail in the middle: a typed error with the cause, and what was found stays", async () => {
    const failure = new Error("corrupt NAL unit");
    const given = shades(3);
    const video = await segmenter.open(oneByOne(given, failure));
    await video.addPrompt(0, 1, CLICK);
    const seen: number[] = [];
    const error = await (async () => {
      for await (const { frame } of video.propagate()) seen.push(frame);
    })().catch((error) => error);
    expect(seen).toEqual([0, 1, 2]);
    expect(error).toBeInstanceOf(ImageError);
    expect(error.message).toMatch(/frame 3 did not come, what gives the frames failed: corrupt NAL unit/);
    expect(error.cause).toBe(failure);
    expect((await video.addPrompt(2, 1, CLICK)).width).toBe(SIDE);
    video.dispose();
    expect(given.map(({ closed }) => closed)).toEqual([1, 1, 1]);
  });

  it("of another size: an error, and the next one goes on", async () => {
    const given = [new Frame(50), new Frame(60, 30, 20), new Frame(70)];
    const video = await segmenter.open(oneByOne(given));
    await video.addPrompt(0, 1, CLICK);
    await expect(through(video)).rejects.toThrow(/frame 1 is 30 x 20, expected the first one's 48 x 48/);
    expect((await through(video, { from: 2 })).map(({ frame }) => frame)).toEqual([2]);
    video.dispose();
    expect(given.map(({ closed }) => closed)).toEqual([1, 1, 1]);
  });

  it("that are waited for when a call is aborted come to the next one", async () => {
    let give = () => {};
    const later = new Promise<void>((resolve) => {
      give = resolve;
    });
    const given = shades(2);
    const slow = async function* () {
      yield given[0] as Frame;
      await later;
      yield given[1] as Frame;
    };
    const video = await segmenter.open(slow());
    await video.addPrompt(0, 1, CLICK);
    const control = new AbortController();
    const pending = through(video, { signal: control.signal });
    setTimeout(() => control.abort(new Error("enough")), 50);
    await expect(pending).rejects.toThrow("enough");
    give();
    expect((await through(video)).map(({ frame }) => frame)).toEqual([0, 1]);
    video.dispose();
    expect(given.map(({ closed }) => closed)).toEqual([1, 1]);
  });

  it("that come when the video is disposed of are closed", async () => {
    let give = () => {};
    const later = new Promise<void>((resolve) => {
      give = resolve;
    });
    const given = shades(2);
    let isEnded = false;
    const slow = async function* () {
      try {
        yield given[0] as Frame;
        await later;
        yield given[1] as Frame;
      } finally {
        isEnded = true;
      }
    };
    const video = await segmenter.open(slow());
    await video.addPrompt(0, 1, CLICK);
    const pending = through(video).catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    video.dispose();
    give();
    expect(await pending).toBeInstanceOf(DisposedError);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(given.map(({ closed }) => closed)).toEqual([1, 1]);
    expect(isEnded).toBe(true);
  });
});

describe("a source of the caller's own", () => {
  it("with a length is gone through both ways, and its pictures are closed", async () => {
    const given: Frame[] = [];
    const source: FrameSource = {
      length: 4,
      frame: async (index) => {
        given.push(new Frame(40 + 20 * index));
        return given.at(-1);
      },
    };
    const video = await segmenter.open(source);
    await video.addPrompt(2, 1, CLICK);
    expect((await through(video, { direction: "both" })).map(({ frame }) => frame)).toEqual([2, 3, 1, 0]);
    video.dispose();
    expect(given.map(({ closed }) => closed)).toEqual(given.map(() => 1));
  });

  it("that has fewer frames than it told is an error", async () => {
    using video = await segmenter.open({ length: 3, frame: async (i) => (i < 2 ? new Frame(50) : undefined) });
    await video.addPrompt(0, 1, CLICK);
    await expect(through(video)).rejects.toThrow(/frame 2 is not there: the source told 3 frames/);
  });

  it.each([
    ["a number", 7],
    ["a source of half a frame", { length: 0.5, frame: async () => undefined }],
  ])("%s is none", async (_, frames) => {
    await expect(segmenter.open(frames as unknown as Frames)).rejects.toThrow(ArgumentError);
  });
});

describe("a camera", () => {
  it("that is faster than the model: the newest frame is taken, the others are closed and counted", async () => {
    const given: Frame[] = [];
    let isOn = true;
    const camera = async function* () {
      while (isOn) {
        given.push(new Frame(given.length % 200));
        yield given.at(-1) as Frame;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const live = liveFrames(camera());
    const video = await segmenter.open(live);
    await video.addPrompt(0, 1, CLICK);
    let count = 0;
    for await (const { frame } of video.propagate()) {
      expect(frame).toBe(count++);
      const open = given.filter(({ closed }) => closed === 0);
      expect(open.length).toBeLessThanOrEqual(2); // the newest, and the one in work
      if (count === 5) isOn = false;
    }
    video.dispose();
    console.log(`of ${given.length} frames ${count} were taken and ${live.dropped} dropped`);
    expect(live.dropped).toBe(given.length - count);
    expect(live.dropped).toBeGreaterThan(0);
    expect(given.every(({ closed }) => closed === 1)).toBe(true);
  });

  it("that fails, and one that is closed by its owner", async () => {
    using broken = await segmenter.open(liveFrames(oneByOne([new Frame(50)], new Error("unplugged"))));
    await broken.addPrompt(0, 1, CLICK);
    await expect(through(broken)).rejects.toThrow(/frame 1 did not come, the camera failed: unplugged/);
    const live = liveFrames(
      (async function* () {
        yield new Frame(50);
        await new Promise(() => {});
      })(),
    );
    using video = await segmenter.open(live);
    await video.addPrompt(0, 1, CLICK);
    setTimeout(() => live.close(), 50);
    expect((await through(video)).length).toBe(1);
  });
});

it("10,000 frames of a camera's kind: each is closed once, and neither the heap nor the cursor grows", async () => {
  let [made, closed] = [0, 0];
  const frames = async function* () {
    for (; made < 10_000; ) {
      made++;
      yield { width: 1, height: 1, channels: 4 as const, data: new Uint8Array(4), close: () => closed++ };
    }
  };
  const signal = new AbortController().signal;
  const cursor = new FrameCursor(await openFrames(frames(), 25, signal));
  let frame = 0;
  for (; await cursor.exists(frame, signal); frame++) {
    await cursor.image(frame, signal);
    expect(made - closed).toBe(1);
    cursor.done();
  }
  expect([frame, made, closed]).toEqual([10_000, 10_000, 10_000]);
});

it("what is remembered of an object in a video without an end stays the same, on the GPU and off it", async () => {
  const frames = async function* () {
    for (let i = 0; i < 20; i++) yield new Frame(i);
  };
  using video = await segmenter.open(frames(), { trackedFrames: 6 });
  await video.addPrompt(0, 1, CLICK);
  const bytes: number[] = [];
  for await (const _ of video.propagate()) bytes.push(device.memory.bytes);
  expect(bytes.length).toBe(20);
  expect(new Set(bytes.slice(8)).size).toBe(1);
});

it("a video file's path is opened in Node, and goes backwards too", async () => {
  const standIn = await standInFfmpeg();
  const leave = standIn.use();
  try {
    const pixels = Array.from({ length: 4 }, (_, i) => [60 + 20 * i, 80, 100]);
    const path = await standIn.video("film.mp4", { width: SIDE, height: SIDE, frames: 4, pixels });
    using video = await segmenter.open<number>(path);
    expect([video.length, video.width, video.height]).toEqual([4, SIDE, SIDE]);
    await video.addPrompt(2, 1, CLICK);
    const seen = await through(video, { direction: "both" });
    expect(seen.map(({ frame }) => frame)).toEqual([2, 3, 1, 0]);
    const frames = pixels.map(([r = 0, g = 0, b = 0]) => {
      const data = new Uint8Array(4 * SIDE * SIDE).map((_, i) => [r, g, b, 255][i % 4] as number);
      return { width: SIDE, height: SIDE, channels: 4 as const, data };
    });
    using listed = await segmenter.open<number>(frames);
    await listed.addPrompt(2, 1, CLICK);
    expect(await through(listed, { direction: "both" })).toEqual(seen);
    await expect(segmenter.open("nowhere.mp4")).rejects.toThrow(VisionError);
  } finally {
    leave();
    await standIn.remove();
  }
});
