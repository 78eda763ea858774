// The small SAM 2 that ships, against transformers (expected.json of checkpoints/training/measure_sam2.py): in a video
// from a click and from a mask, and open as a model of pictures too.
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
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

it.each(["click", "mask"] as const)("follows from a %s as transformers does, within 1e-3", async (kind) => {
  const { video: expected } = JSON.parse(await readFile(`${FOLDER}/expected.json`, "utf8"));
  const { scores, pred_masks } = expected[kind];
  const [x, y] = expected.point;
  const prompt = kind === "click" ? { points: [{ x, y }] } : { mask: disc(x, y, expected.radius) };
  using segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device: await testDevice() });
  using video = await segmenter.open<string>(await Promise.all(scores.map((_: number, i: number) => frame(i))));
  const options = { returnLogits: true };
  const found = [await video.addPrompt(0, "face", prompt, options)];
  for await (const { masks } of video.propagate({ from: 1, ...options })) {
    const mask = masks.get("face");
    if (mask) found.push(mask);
  }
  expect(found.length).toBe(scores.length);
  let largest = 0;
  for (const [i, { score, lowResLogits = new Float32Array() }] of found.entries()) {
    const { first, mean } = pred_masks[i];
    expect(Math.abs(score - scores[i]), `score of frame ${i}`).toBeLessThanOrEqual(1e-3);
    for (const [k, value] of first.entries()) largest = Math.max(largest, Math.abs((lowResLogits[k] ?? 0) - value));
    expect(lowResLogits.reduce((sum, value) => sum + value, 0) / lowResLogits.length).toBeCloseTo(mean, 2);
  }
  console.log(`from a ${kind}: largest difference of logits ${largest.toExponential(1)}`);
  expect(largest).toBeLessThanOrEqual(1e-3);
});

it("is a Sam for pictures", async () => {
  using sam = await Sam.fromPretrained(FOLDER, { device: await testDevice() });
  using scene = await sam.encodeImage(await frame(0));
  const masks = await scene.predict({ points: [{ x: 105, y: 90 }] });
  expect(masks.map(({ mask }) => mask.length)).toEqual([SIDE * SIDE, SIDE * SIDE, SIDE * SIDE]);
});
