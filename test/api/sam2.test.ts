// SAM 2.1 through Sam: from the photo as transformers has it, what differs from SAM (one mask by stability, no
// padding), and what few pages ask for, which is SAM's.
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelSize } from "../../src/api/modelSize.ts";
import { Sam } from "../../src/api/sam.ts";
import type { SamScene } from "../../src/api/samScene.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";
import { readGolden, relativeError } from "../models/parity.ts";

const FOLDER = "test/golden/small-sam2";
let device: Device;
let golden: ReadonlyMap<string, NdArray>;
let photo: RawImage;
let sam: Sam;
let scene: SamScene;

const of = (name: string) => {
  const tensor = golden.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor.data;
};

/** The upper part of the photo, as scripts/goldenSam.py cuts it. */
async function picture(): Promise<RawImage> {
  const [height = 0, width = 0] = of("original_size");
  const cut = sharp("demos/photos/astronaut.png").removeAlpha().extract({ left: 0, top: 0, width, height });
  return { width, height, channels: 3, data: new Uint8Array(await cut.raw().toBuffer()) };
}

beforeAll(async () => {
  device = await testDevice();
  golden = await readGolden(`${FOLDER}/golden.safetensors`);
  photo = await picture();
  sam = await Sam.fromPretrained(FOLDER, { device });
  scene = await sam.encodeImage(photo);
});
afterAll(() => {
  scene.dispose();
  sam.dispose();
});

const pointOf = (i: number) => ({ x: of("prompt.points_xy")[2 * i] ?? 0, y: of("prompt.points_xy")[2 * i + 1] ?? 0 });
const boxOf = () => Array.from(of("prompt.box_xyxy")) as [number, number, number, number];
const area = (mask: Uint8Array) => mask.reduce((sum, pixel) => sum + pixel, 0);

/** The share of pixels that two masks have in common. */
function iou(a: Uint8Array, b: Uint8Array): number {
  const both = a.reduce((sum, pixel, i) => sum + (pixel & (b[i] ?? 0)), 0);
  return both / (area(a) + area(b) - both || 1);
}

describe("from the photo, as transformers", () => {
  it("a point: three masks, resized to the picture in one step", async () => {
    const masks = await scene.predict({ points: [pointOf(0)], returnLogits: true });
    const lowRes = Float32Array.from(masks.flatMap(({ lowResLogits }) => [...lowResLogits]));
    expect(relativeError(lowRes, of("point.low_res_masks"))).toBeLessThanOrEqual(5e-3);
    for (const [i, { mask, logits, score, width, height }] of masks.entries()) {
      expect([width, height, mask.length]).toEqual([photo.width, photo.height, photo.width * photo.height]);
      expect(score).toBeCloseTo(of("point.iou_scores")[i] ?? 0, 2);
      expect(mask.every((pixel, at) => pixel === Number((logits?.[at] ?? 0) > 0))).toBe(true);
      expect(Math.abs(area(mask) - (of("point.masks_area")[i] ?? 0))).toBeLessThanOrEqual(0.002 * mask.length);
    }
  });

  it.each([
    ["point.single", () => ({ points: [pointOf(0)] })],
    ["box", () => ({ box: boxOf() })],
    ["mask", () => ({ maskInput: of("mask.input_mask") })],
    ["mask+point", () => ({ points: [pointOf(0)], maskInput: of("mask.input_mask") })],
  ])("one mask: %s, the first or a better one by its stability", async (kind, prompt) => {
    const [only, ...more] = await scene.predict({ ...prompt(), multimask: false });
    expect(more).toEqual([]);
    expect(relativeError(only?.lowResLogits ?? [], of(`${kind}.low_res_masks`))).toBeLessThanOrEqual(5e-3);
    expect(only?.score).toBeCloseTo(of(`${kind}.iou_scores`)[0] ?? 0, 2);
  });
});

it("prompts in a batch give what they give alone", async () => {
  const prompts = [{ points: [pointOf(0)] }, { box: boxOf() }, { points: [pointOf(1)] }, { points: [pointOf(2)] }];
  const together = await scene.predictBatch(prompts, { multimask: false });
  for (const [i, prompt] of prompts.entries()) {
    const [alone] = await scene.predict({ ...prompt, multimask: false });
    expect(relativeError(together[i]?.[0]?.lowResLogits ?? [], alone?.lowResLogits ?? [])).toBeLessThan(1e-4);
  }
});

it("masks that stay on the GPU are those that come to the host", async () => {
  const prompt = { points: [pointOf(0)], multimask: false } as const;
  const [host] = await scene.predict({ ...prompt, returnLogits: true });
  using kept = await scene.predict({ ...prompt, keepOnGpu: true });
  expect(relativeError((await kept.logits.read()).data, host?.logits ?? [])).toBeLessThan(1e-5);
});

it("everything mode finds masks of the whole picture", async () => {
  const records = await sam.generateMasks(photo, {
    pointsPerSide: 3,
    predIouThresh: 0,
    stabilityScoreThresh: 0,
    outputMode: "coco_rle",
  });
  expect(records.length).toBeGreaterThan(0);
  for (const { segmentation } of records) expect(segmentation.size).toEqual([photo.height, photo.width]);
});

it("f16 gives nearly the same masks, and q8 similar ones", async (context) => {
  if (!device.hasF16) return context.skip("this adapter has no shader-f16");
  const prompt = { points: [pointOf(0)], multimask: false };
  const [exact] = await scene.predict(prompt);
  for (const [dtype, least] of [
    ["f16", 0.99],
    ["q8", 0.95],
  ] as const) {
    using other = await Sam.fromPretrained(FOLDER, { device, dtype });
    using encoded = await other.encodeImage(photo);
    const [mask] = await encoded.predict(prompt);
    const share = iou(mask?.mask ?? new Uint8Array(), exact?.mask ?? new Uint8Array());
    console.log(`SAM 2 in ${dtype}: IoU ${share.toFixed(4)} with f32`);
    expect(share).toBeGreaterThanOrEqual(least);
  }
});

it("leaves nothing on the GPU", async () => {
  const before = device.memory.buffers;
  const other = await Sam.fromPretrained(FOLDER, { device });
  const encoded = await other.encodeImage(photo);
  await encoded.predict({ box: boxOf(), multimask: false });
  encoded.dispose();
  other.dispose();
  expect(device.memory.buffers).toBe(before);
});

it("is known by its settings before it is downloaded", async () => {
  expect(await modelSize(FOLDER)).toMatchObject({ family: "sam2", modelClass: "Sam" });
});
