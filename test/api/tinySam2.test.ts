// The small SAM 2 that ships, against transformers (expected.json of checkpoints/training/measure_sam2.py): in a video
// from a click and from a mask, and open as a model of pictures too.
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import type { VideoMask } from "../../src/api/videoObjects.ts";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";

const FOLDER = "checkpoints/tiny-sam2";
const SIDE = 256;

/** As measure_sam2.py cuts them, of the model's size, so that nothing is resized. */
async function frame(i: number): Promise<RawImage> {
  const region = { left: 120 + 9 * i, top: 20 + 6 * i, width: SIDE, height: SIDE };
  const data = await sharp("demos/photos/astronaut.png").removeAlpha().extract(region).raw().toBuffer();
  return { width: SIDE, height: SIDE, channels: 3, data: new Uint8Array(data) };
}

/** A disc of a mask. */
function disc(x: number, y: number, radius: number): Uint8Array {
  const inside = (i: number) => ((i % SIDE) - x) ** 2 + (Math.floor(i / SIDE) - y) ** 2 < radius ** 2;
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => Number(inside(i)));
}

const EXPECTED = JSON.parse(await readFile(`${FOLDER}/expected.json`, "utf8")).video;

/** What is found in all frames after a click or a mask in the first. */
async function follow(kind: "click" | "mask", dtype: "f32" | "f16"): Promise<VideoMask[]> {
  const [x, y] = EXPECTED.point;
  const prompt = kind === "click" ? { points: [{ x, y }] } : { mask: disc(x, y, EXPECTED.radius) };
  using segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device: await testDevice(), dtype });
  const count = EXPECTED[kind].scores.length;
  using video = await segmenter.open<string>(await Promise.all(Array.from({ length: count }, (_, i) => frame(i))));
  const options = { returnLogits: true };
  const steps = [await video.addPrompt(0, "face", prompt, options)];
  for await (const { masks } of video.propagate({ from: 1, ...options })) steps.push(masks.get("face") as VideoMask);
  expect(steps.length).toBe(count);
  return steps;
}

it.each(["click", "mask"] as const)("follows from a %s as transformers does, within 1e-3", async (kind) => {
  const { scores, pred_masks } = EXPECTED[kind];
  let largest = 0;
  for (const [i, { score, lowResLogits = new Float32Array() }] of (await follow(kind, "f32")).entries()) {
    const { first, mean } = pred_masks[i];
    expect(Math.abs(score - scores[i]), `score of frame ${i}`).toBeLessThanOrEqual(1e-3);
    for (const [k, value] of first.entries()) largest = Math.max(largest, Math.abs((lowResLogits[k] ?? 0) - value));
    expect(lowResLogits.reduce((sum, value) => sum + value, 0) / lowResLogits.length).toBeCloseTo(mean, 2);
  }
  console.log(`from a ${kind}: largest difference of logits ${largest.toExponential(1)}`);
  expect(largest).toBeLessThanOrEqual(1e-3);
});

it.for(["click", "mask"] as const)("f16 from a %s: an IoU of 0.99 with f32 in every frame", async (kind, { skip }) => {
  if (!(await testDevice()).hasF16) return skip("this adapter has no shader-f16");
  const [full, half] = [await follow(kind, "f32"), await follow(kind, "f16")];
  const ious = full.map(({ mask }, i) => {
    const both = mask.filter((value, at) => value && half[i]?.mask[at]).length;
    return both / mask.filter((value, at) => value || half[i]?.mask[at]).length;
  });
  console.log(`from a ${kind}: IoU of f16 with f32`, ious);
  expect(Math.min(...ious)).toBeGreaterThanOrEqual(0.99);
});

it("is a Sam for pictures", async () => {
  using sam = await Sam.fromPretrained(FOLDER, { device: await testDevice() });
  using scene = await sam.encodeImage(await frame(0));
  const masks = await scene.predict({ points: [{ x: 105, y: 90 }] });
  expect(masks.map(({ mask }) => mask.length)).toEqual([SIDE * SIDE, SIDE * SIDE, SIDE * SIDE]);
});
