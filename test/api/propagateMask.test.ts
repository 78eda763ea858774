// propagateMask against a NumPy transcription of DINO's DAVIS protocol on moving patches, and what it refuses.
import { describe, expect, it } from "vitest";
import type { PatchFeatures } from "../../src/features/featureRows.ts";
import type { LabelMask, PropagateOptions } from "../../src/features/labelSource.ts";
import { propagateMask } from "../../src/features/propagateMask.ts";
import { featureGoldens, largestDifference, patchesOf, videoOf } from "./features.ts";

const golden = await featureGoldens();
const { frames, mask } = videoOf(golden);

async function all(from: Parameters<typeof propagateMask>[0], first: LabelMask, options: PropagateOptions = {}) {
  const masks = [];
  for await (const one of propagateMask(from, first, options)) masks.push(one);
  return masks;
}

describe.each([
  ["near", { lastFrames: 3, neighbourhood: 2 }],
  ["far", { neighbourhood: 0, topk: 4 }],
])("%s", (name, options) => {
  it("carries shares of the labels as NumPy does, and the labels of every pixel", async () => {
    const masks = await all(frames, mask, options);
    expect(masks.map(({ width, height }) => [width, height])).toEqual(Array(frames.length).fill([30, 24]));
    const shares = masks.flatMap(({ probabilities }) => [...probabilities.data]);
    expect(largestDifference(shares, golden(`video.${name}.shares`).data)).toBeLessThan(1e-5);
    const labels = masks.slice(1).flatMap((one) => [...one.data]);
    expect(labels).toEqual([...golden(`video.${name}.labels`).data]);
  });
});

it("gives the first mask back, and takes frames as they come", async () => {
  async function* coming(): AsyncGenerator<PatchFeatures> {
    yield* frames.slice(0, 3);
  }
  const masks = await all(coming(), mask);
  expect(masks[0]?.data).toEqual(mask.data);
  expect(masks).toEqual(
    await all(
      frames.slice(0, 3).map((frame) => Promise.resolve(frame)),
      mask,
    ),
  );
});

it("takes a mask on the grid: the result is on the grid", async () => {
  const small = Uint8Array.from({ length: 80 }, (_, i) => {
    return mask.data[(Math.floor(i / 10) * 3 + 1) * 30 + (i % 10) * 3 + 1] as number;
  });
  const [, second] = await all(frames.slice(0, 2), { width: 10, height: 8, data: small });
  expect([second?.width, second?.height]).toEqual([10, 8]);
  const [, large] = await all(frames.slice(0, 2), mask);
  expect(second?.probabilities).toEqual(large?.probabilities);
});

it("keeps a label that covers everything", async () => {
  const masks = await all(frames.slice(0, 3), { width: 30, height: 24, data: new Uint8Array(720).fill(1) });
  for (const one of masks) expect(one.data).toEqual(new Uint8Array(720).fill(1));
});

it("learns from the first frame alone when told so", async () => {
  const alone = await all([frames[0], frames[4]] as PatchFeatures[], mask);
  const masks = await all(frames, mask, { lastFrames: 0 });
  expect(masks[4]).toEqual(alone[1]);
});

it("stops when aborted", async () => {
  const controller = new AbortController();
  const masks = propagateMask(frames, mask, { signal: controller.signal });
  await masks.next();
  controller.abort(new Error("enough"));
  await expect(masks.next()).rejects.toThrow("enough");
});

it.each([
  ["a mask of another length", frames, { ...mask, width: 20 }, {}, /20 x 24 with 720 labels/],
  ["frames of several grids", [frames[0], patchesOf(golden("pca.a"), 9, 8)], mask, {}, /24 channels, expected 16/],
  ["a turned grid", [frames[0], patchesOf((frames[1] as PatchFeatures).patches, 10, 8)], mask, {}, /grid of 10 x 8/],
  ["topk of 0", frames, mask, { topk: 0 }, /topk is 0, expected a whole number from 1/],
  ["a fraction of frames", frames, mask, { lastFrames: 1.5 }, /lastFrames is 1.5/],
  ["a temperature of 0", frames, mask, { temperature: 0 }, /temperature is 0/],
  ["no frames", [], mask, {}, /no frames/],
])("refuses %s", async (_, from, first, options, message) => {
  await expect(all(from as PatchFeatures[], first, options)).rejects.toThrow(message);
});
