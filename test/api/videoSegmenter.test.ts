// SAM 2.1 and EdgeTAM through a video of 12 frames against transformers: two objects, prompts on two frames, a
// correction, backwards, a frame where the object is not; and what VideoSegmenter adds to that.
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SegmentedVideo, VideoMask, VideoPrompt } from "../../src/api/segmentedVideo.ts";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, CheckpointError, DisposedError, ImageError } from "../../src/device/errors.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";
import { readGolden } from "../models/parity.ts";

const FOLDER = "test/golden/small-sam2-video";
const MODELS = [FOLDER, "test/golden/small-edgetam"];
const SIDE = 128;
type Golden = ReadonlyMap<string, NdArray>;
let device: Device;
let frames: RawImage[];
let segmenter: VideoSegmenter;

/** As scripts/goldenSam2Video.py cuts them from the photo. */
async function cutFrames(): Promise<RawImage[]> {
  const cut = async (i: number): Promise<RawImage> => {
    const region = { left: 150 + 9 * i, top: 20 + 6 * i, width: SIDE, height: SIDE };
    const pixels = sharp("demos/photos/astronaut.png").removeAlpha().extract(region).raw();
    const data = i === 8 || i === 9 ? new Uint8Array(3 * SIDE * SIDE) : new Uint8Array(await pixels.toBuffer());
    return { width: SIDE, height: SIDE, channels: 3, data };
  };
  return Promise.all(Array.from({ length: 12 }, (_, i) => cut(i)));
}

beforeAll(async () => {
  device = await testDevice();
  frames = await cutFrames();
  segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device });
});
afterAll(() => segmenter.dispose());

const CLICK = { points: [{ x: 60, y: 50 }] };

/** A disc of a mask. */
function disc(x: number, y: number, radius: number): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) =>
    Number(((i % SIDE) - x) ** 2 + (Math.floor(i / SIDE) - y) ** 2 < radius ** 2),
  );
}

/** Largest differences of logits and object scores to the golden's, the least IoU, and that of all masks together. */
class Differences {
  logits = 0;
  score = 0;
  iou = 1;
  steps = 0;
  readonly #golden: Golden;
  readonly #shared = { both: 0, either: 0 };

  constructor(golden: Golden) {
    this.#golden = golden;
  }

  get iouOfAll(): number {
    return this.#shared.both / this.#shared.either;
  }

  add(step: string, frame: number, { lowResLogits = new Float32Array(), score }: VideoMask): void {
    const wanted = this.#golden.get(`${step}.${frame}.logits`)?.data ?? new Float32Array();
    expect(lowResLogits.length, `${step} ${frame}`).toBe(wanted.length);
    let [both, either] = [0, 0];
    for (let i = 0; i < wanted.length; i++) {
      const [ours, theirs] = [lowResLogits[i] ?? 0, wanted[i] ?? 0];
      this.logits = Math.max(this.logits, Math.abs(ours - theirs));
      both += Number(ours > 0 && theirs > 0);
      either += Number(ours > 0 || theirs > 0);
    }
    this.#shared.both += both;
    this.#shared.either += either;
    this.iou = Math.min(this.iou, either === 0 ? 1 : both / either);
    this.score = Math.max(
      this.score,
      Math.abs(score - (this.#golden.get(`${step}.${frame}.score`)?.data[0] ?? Number.NaN)),
    );
    this.steps++;
  }
}

describe.each(MODELS)("12 frames of %s, as transformers", (folder) => {
  const openModel = async () => ({
    golden: await readGolden(`${folder}/golden.safetensors`),
    segmenter: await VideoSegmenter.fromPretrained(folder, { device }),
  });

  it("a click, a correction, forward and backward: logits and object scores within 1e-3, IoU from 0.999", async () => {
    const { golden, segmenter } = await openModel();
    using _ = segmenter;
    using video = await segmenter.open(frames);
    const differences = new Differences(golden);
    const follow = async (step: string, options: Parameters<SegmentedVideo["propagate"]>[0]) => {
      for await (const { frame, masks } of video.propagate({ ...options, returnLogits: true })) {
        differences.add(step, frame, masks.get("first") as VideoMask);
      }
    };
    differences.add("first.click", 0, await video.addPrompt(0, "first", CLICK, { returnLogits: true }));
    await follow("first.forward", {});
    const two = {
      points: [
        { x: 40, y: 70 },
        { x: 100, y: 20, label: 0 },
      ],
    };
    differences.add("first.correction", 6, await video.addPrompt(6, "first", two, { returnLogits: true }));
    await follow("first.again", { from: 7 });
    await follow("first.backward", { from: 5, direction: "backward" });
    console.log("first object:", differences);
    expect(differences.steps).toBe(1 + 12 + 1 + 5 + 6);
    const scores = [...golden].flatMap(([name, { data }]) => (/^first.*score$/.test(name) ? [...data] : []));
    expect(Math.min(...scores)).toBeLessThan(0); // it vanishes
    expect(Math.max(...scores)).toBeGreaterThan(0);
    expect(differences.logits).toBeLessThanOrEqual(1e-3);
    expect(differences.score).toBeLessThanOrEqual(1e-3);
    expect(differences.iou).toBeGreaterThanOrEqual(0.999);
  });

  it("a box, and a mask in another frame: the same", async () => {
    const { golden, segmenter } = await openModel();
    using _ = segmenter;
    using video = await segmenter.open(frames);
    const differences = new Differences(golden);
    const logits = { returnLogits: true };
    differences.add("second.box", 3, await video.addPrompt(3, 2, { box: [20, 30, 90, 110] }, logits));
    differences.add("second.mask", 1, await video.addPrompt(1, 2, { mask: disc(70, 60, 30) }, logits));
    for await (const { frame, masks } of video.propagate({ from: 3, direction: "both", ...logits })) {
      differences.add(frame < 3 ? "second.backward" : "second.forward", frame, masks.get(2) as VideoMask);
    }
    console.log("second object:", differences);
    expect(differences.steps).toBe(2 + 9 + 3);
    expect(differences.logits).toBeLessThanOrEqual(1e-3);
    expect(differences.score).toBeLessThanOrEqual(1e-3);
    expect(differences.iou).toBeGreaterThanOrEqual(0.999);
  });

  it("objects that are followed together are found as each alone, whatever is remembered of them", async () => {
    const { segmenter } = await openModel();
    using _ = segmenter;
    const prompts: Record<string, readonly (readonly [number, VideoPrompt])[]> = {
      clicked: [[0, CLICK]],
      boxed: [[0, { box: [20, 30, 90, 110] }]],
      masked: [[0, { mask: disc(70, 60, 30) }]],
      "shown twice": [
        [0, CLICK],
        [1, { points: [{ x: 40, y: 70 }] }],
      ],
      "in a corner": [[0, { points: [{ x: 5, y: 120 }] }]],
      last: [[0, { points: [{ x: 100, y: 60 }] }]],
    };
    const follow = async (names: readonly string[]) => {
      using video = await segmenter.open<string>(frames.slice(0, 4));
      for (const name of names) {
        for (const [frame, prompt] of prompts[name] ?? []) await video.addPrompt(frame, name, prompt);
      }
      const masksOf = new Map<string, VideoMask>();
      for await (const { frame, masks } of video.propagate({ from: 2, returnLogits: true })) {
        for (const [name, mask] of masks) masksOf.set(`${name} ${frame}`, mask);
      }
      return masksOf;
    };
    const together = await follow(Object.keys(prompts));
    expect(together.size).toBe(12);
    for (const name of Object.keys(prompts)) {
      for (const [step, { lowResLogits = [], score }] of await follow([name])) {
        const other = together.get(step);
        expect(Math.abs(score - (other?.score ?? Number.NaN)), step).toBeLessThanOrEqual(1e-4);
        const differences = Array.from(lowResLogits, (logit, i) => Math.abs(logit - (other?.lowResLogits?.[i] ?? 1e9)));
        expect(Math.max(...differences), step).toBeLessThanOrEqual(1e-3);
      }
    }
  });

  it("f16 gives nearly the same masks", async (context) => {
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    using half = await VideoSegmenter.fromPretrained(folder, { device, dtype: "f16" });
    using video = await half.open(frames);
    await video.addPrompt(0, 1, CLICK);
    const differences = new Differences(golden);
    for await (const { frame, masks } of video.propagate({ from: 1, returnLogits: true })) {
      differences.add("first.forward", frame, masks.get(1) as VideoMask);
    }
    console.log("f16:", differences, "IoU of all frames", differences.iouOfAll);
    expect(differences.iouOfAll).toBeGreaterThanOrEqual(0.99);
  });
});

describe("memory", () => {
  it("stays the same from the 4th frame to the last, and a frame is one readback for both objects", async () => {
    const video = await segmenter.open(frames, { trackedFrames: 6 });
    await video.addPrompt(0, "a", CLICK);
    await video.addPrompt(0, "b", { box: [20, 30, 90, 110] });
    const probe = device.gpu.createBuffer({ size: 4, usage: 8 }); // Node has no global GPUBuffer
    const prototype = Object.getPrototypeOf(probe) as GPUBuffer;
    probe.destroy();
    const { mapAsync } = prototype;
    let maps = 0;
    prototype.mapAsync = function (...given) {
      maps++;
      return mapAsync.apply(this, given);
    };
    const bytes: number[] = [];
    const counts: number[] = [];
    try {
      for await (const _ of video.propagate()) {
        bytes.push(device.memory.bytes);
        counts.push(maps);
        maps = 0;
      }
    } finally {
      prototype.mapAsync = mapAsync;
    }
    console.log(
      `GPU bytes by frame: ${bytes.join()}; of the video ${video.bytes}; readbacks by frame: ${counts.join()}`,
    );
    expect(new Set(bytes.slice(3)).size).toBe(1);
    expect(counts.slice(1)).toEqual(Array(11).fill(1)); // the first frame's masks are those of the prompts
    video.dispose();
    await expect(video.addPrompt(0, "a", CLICK)).rejects.toThrow(DisposedError);
    expect(device.memory.bytes).toBeLessThan(bytes.at(-1) ?? 0);
  });

  it("is freed with objects, videos and the model", async () => {
    const before = device.memory.buffers;
    const other = await VideoSegmenter.fromPretrained(FOLDER, { device });
    const video = await other.open(frames.slice(0, 2));
    await video.addPrompt(0, "a", CLICK);
    await video.addPrompt(0, "b", CLICK);
    video.removeObject("a");
    for await (const { masks } of video.propagate()) expect([...masks.keys()]).toEqual(["b"]);
    video.reset();
    await expect(video.propagate().next()).rejects.toThrow(/there is no object to follow/);
    video.dispose();
    other.dispose();
    await device.done();
    expect(device.memory.buffers).toBe(before);
  });

  it("of more prompted frames than there is room for is refused, and nothing changes", async () => {
    using video = await segmenter.open(frames, { promptedFrames: 1 });
    await video.addPrompt(0, 1, CLICK);
    await expect(video.addPrompt(5, 1, CLICK)).rejects.toThrow(/the object has prompts in 1 frames/);
    await video.addPrompt(0, 1, CLICK); // the same frame again
    for await (const { frame, masks } of video.propagate({ from: 0, objects: [1] })) {
      expect(masks.size).toBe(1);
      if (frame === 1) break;
    }
  });
});

describe("bad input", () => {
  it.each([
    ["a frame that there is not", 12, CLICK, /a prompt is of frame 12, expected one from 0 to 11/],
    ["half a frame", 0.5, CLICK, /frame 0\.5/],
    ["nothing", 0, {}, /the prompt is empty/],
    ["a point that is none", 0, { points: [{ x: Number.NaN, y: 3 }] }, /a point is at NaN, 3/],
    [
      "a mask and a box",
      0,
      { mask: new Uint8Array(9), box: [0, 0, 1, 1] as const },
      /either a mask, or points and a box/,
    ],
    ["a mask of another size", 0, { mask: new Uint8Array(9) }, /the mask has 9 elements, expected 128 \* 128/],
    ["an empty mask", 0, { mask: new Uint8Array(SIDE * SIDE) }, /the mask is empty/],
  ])("%s is refused", async (_, frame, prompt, message) => {
    using video = await segmenter.open(frames);
    await expect(video.addPrompt(frame, 1, prompt)).rejects.toThrow(ArgumentError);
    await expect(video.addPrompt(frame, 1, prompt)).rejects.toThrow(message);
  });

  it("no frames, frames of another size, objects without a prompt", async () => {
    await expect(segmenter.open([])).rejects.toThrow(/the video has no frames/);
    await expect(segmenter.open(frames, { trackedFrames: 0 })).rejects.toThrow(/trackedFrames is 0/);
    const small: RawImage = { width: 20, height: 10, channels: 3, data: new Uint8Array(600) };
    using video = await segmenter.open([frames[0] as RawImage, small, ...frames.slice(2)]);
    await expect(video.propagate({ objects: ["cat"] }).next()).rejects.toThrow(/there is no object "cat"/);
    await video.addPrompt(0, 1, CLICK);
    const steps = video.propagate();
    await steps.next();
    await expect(steps.next()).rejects.toThrow(ImageError);
    await expect(video.propagate({ from: 1 }).next()).rejects.toThrow(
      /frame 1 is 20 x 10, expected the first one's 128 x 128/,
    );
    const after = await video.propagate({ from: 2 }).next(); // the video goes on
    expect(after.value?.masks.get(1)?.score).toSatisfy(Number.isFinite);
  });

  it("an aborted call rejects at once, and those after it work", async () => {
    using video = await segmenter.open(frames);
    await video.addPrompt(0, 1, CLICK);
    const control = new AbortController();
    const pending = video.propagate({ from: 1, signal: control.signal }).next();
    control.abort(new Error("enough"));
    await expect(pending).rejects.toThrow("enough");
    const { value } = await video.propagate({ from: 1 }).next();
    expect(value?.frame).toBe(1);
  });

  it("a checkpoint for pictures is told to be one", async () => {
    await expect(VideoSegmenter.fromPretrained("test/golden/small-sam2", { device })).rejects.toThrow(CheckpointError);
    await expect(VideoSegmenter.fromPretrained("test/golden/small-sam2", { device })).rejects.toThrow(
      /is no SAM 2 or EdgeTAM for videos: expected a config\.json with model_type "sam2_video", .* got "sam2"/,
    );
  });
});

it("frames of any size: masks have theirs", async () => {
  const [width, height] = [75, 50];
  const odd = frames
    .slice(0, 3)
    .map(({ data }): RawImage => ({ width, height, channels: 3, data: data.slice(0, 3 * width * height) }));
  using video = await segmenter.open(odd);
  await video.addPrompt(0, 1, { points: [{ x: 40, y: 20 }] });
  for await (const { masks } of video.propagate()) {
    const { mask, width: across, height: down } = masks.get(1) as VideoMask;
    expect([across, down, mask.length]).toEqual([width, height, width * height]);
  }
});
