// SAM 2.1 through a video of 12 frames against transformers: two objects, prompts on two frames, a correction, backwards,
// a frame where the object is not; and what VideoSegmenter adds to that.
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SegmentedVideo, type VideoMask, VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, CheckpointError, DisposedError, ImageError } from "../../src/device/errors.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";
import { readGolden } from "../models/parity.ts";

const FOLDER = "test/golden/small-sam2-video";
const SIDE = 128;
let device: Device;
let golden: ReadonlyMap<string, NdArray>;
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
  golden = await readGolden(`${FOLDER}/golden.safetensors`);
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

/** Largest differences of logits and of object scores to the golden's, and the least IoU. */
class Differences {
  logits = 0;
  score = 0;
  iou = 1;
  steps = 0;

  add(step: string, frame: number, { lowResLogits = new Float32Array(), score }: VideoMask): void {
    const wanted = golden.get(`${step}.${frame}.logits`)?.data ?? new Float32Array();
    expect(lowResLogits.length, `${step} ${frame}`).toBe(wanted.length);
    let [both, either] = [0, 0];
    for (let i = 0; i < wanted.length; i++) {
      const [ours, theirs] = [lowResLogits[i] ?? 0, wanted[i] ?? 0];
      this.logits = Math.max(this.logits, Math.abs(ours - theirs));
      both += Number(ours > 0 && theirs > 0);
      either += Number(ours > 0 || theirs > 0);
    }
    this.iou = Math.min(this.iou, either === 0 ? 1 : both / either);
    this.score = Math.max(this.score, Math.abs(score - (golden.get(`${step}.${frame}.score`)?.data[0] ?? Number.NaN)));
    this.steps++;
  }
}

describe("12 frames, as transformers", () => {
  it("a click, a correction, forward and backward: logits and object scores within 1e-3, IoU from 0.999", async () => {
    using video = await segmenter.open(frames);
    const differences = new Differences();
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
    expect(golden.get("first.backward.3.score")?.data[0]).toBeLessThan(0); // it vanishes
    expect(differences.logits).toBeLessThanOrEqual(1e-3);
    expect(differences.score).toBeLessThanOrEqual(1e-3);
    expect(differences.iou).toBeGreaterThanOrEqual(0.999);
  });

  it("a box, and a mask in another frame: the same", async () => {
    using video = await segmenter.open(frames);
    const differences = new Differences();
    const logits = { returnLogits: true };
    differences.add("second.box", 3, await video.addPrompt(3, 2, { box: [20, 30, 90, 110] }, logits));
    differences.add("second.mask", 1, await video.addPrompt(1, 2, { mask: disc(70, 60, 30) }, logits));
    for (const direction of ["forward", "backward"] as const) {
      for await (const { frame, masks } of video.propagate({ from: 3, direction, ...logits })) {
        differences.add(`second.${direction}`, frame, masks.get(2) as VideoMask);
      }
    }
    console.log("second object:", differences);
    expect(differences.steps).toBe(2 + 9 + 4);
    expect(differences.logits).toBeLessThanOrEqual(1e-3);
    expect(differences.score).toBeLessThanOrEqual(1e-3);
    expect(differences.iou).toBeGreaterThanOrEqual(0.999);
  });
});
