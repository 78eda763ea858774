// Everything mode with the checkpoint that ships, against segment-anything's own SamAutomaticMaskGenerator on the same
// weights (scripts/goldenEverything.py): as many masks, the same masks, in the same order.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import type { Device } from "../../src/device/device.ts";
import { type CocoRle, fromCocoRle } from "../../src/masks/cocoRle.ts";
import type { MaskRecord } from "../../src/masks/generateMasks.ts";
import type { GenerateMasksOptions } from "../../src/masks/options.ts";
import { decodeRle, type Mask } from "../../src/masks/rle.ts";
import { testDevice } from "../adapters.ts";

interface GoldenRecord {
  readonly segmentation: string;
  readonly area: number;
  readonly bbox: number[];
  readonly predicted_iou: number;
  readonly point_coords: [[number, number]];
  readonly stability_score: number;
  readonly crop_box: number[];
}

interface GoldenPhoto {
  readonly image: string;
  readonly size: [height: number, width: number];
  readonly runs: readonly { readonly settings: Record<string, number>; readonly records: readonly GoldenRecord[] }[];
}

const photos: GoldenPhoto[] = JSON.parse(readFileSync("test/golden/masks/tinySam.json", "utf8"));

/** points_per_side as pointsPerSide. */
function camelCase(settings: Record<string, number>): GenerateMasksOptions<"coco_rle"> {
  const renamed = Object.entries(settings).map(([name, value]) => {
    return [name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), value];
  });
  return { ...Object.fromEntries(renamed), outputMode: "coco_rle" };
}

function iou(a: Mask, b: Mask): number {
  let [shared, all] = [0, 0];
  for (const [i, pixel] of a.data.entries()) {
    const other = b.data[i] as number;
    shared += pixel & other;
    all += pixel | other;
  }
  return all === 0 ? 1 : shared / all;
}

const runs = photos.flatMap(({ image, size, runs }) => {
  return runs.map(({ settings, records }) => ({ image, size, settings, records, title: JSON.stringify(settings) }));
});

let device: Device;
let sam: Sam;
beforeAll(async () => {
  device = await testDevice();
  sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
});
afterAll(() => sam.dispose());

describe.each(runs)("$image with $title", ({ image, size, settings, records }) => {
  let found: MaskRecord<CocoRle>[];
  let pairs: (readonly [expected: GoldenRecord, found: MaskRecord<CocoRle>, place: number])[];

  // SwiftShader would take minutes; it shares all but the driver with the other adapters.
  const isTooMuch = () => {
    const pixels = size[0] * size[1] * (settings.points_per_side ?? 32) ** 2;
    return device.info.class === "cpu-swiftshader" && pixels > 2e7;
  };
  beforeEach((context) => {
    if (isTooMuch()) context.skip("so many points on so large a photo take minutes on SwiftShader");
  });

  beforeAll(async () => {
    if (isTooMuch()) return;
    found = await sam.generateMasks(`demos/photos/${image}`, camelCase(settings));
    const masks = found.map(({ segmentation }) => decodeRle(fromCocoRle(segmentation)));
    pairs = records.flatMap((expected) => {
      const mask = decodeRle(fromCocoRle({ size, counts: expected.segmentation }));
      const place = found.findIndex(
        ({ bbox }, i) => isNear(bbox, expected.bbox) && iou(masks[i] as Mask, mask) >= 0.99,
      );
      return place < 0 ? [] : [[expected, found[place] as MaskRecord<CocoRle>, place] as const];
    });
  });

  it("finds as many masks, and the same but for one on the border of a threshold in fifty", () => {
    const borderline = Math.ceil(records.length / 50);
    expect(Math.abs(found.length - records.length)).toBeLessThanOrEqual(borderline);
    expect(new Set(pairs.map(([, , place]) => place)).size).toBeGreaterThanOrEqual(records.length - borderline);
  });

  it("gives them in the same order, but for equal scores", () => {
    const wrong = pairs.slice(1).flatMap(([expected, , place], i) => {
      const [before, , placeBefore] = pairs[i] as (typeof pairs)[number];
      const isTie = Math.abs(expected.predicted_iou - before.predicted_iou) < 1e-5;
      return place > placeBefore || isTie ? [] : [[expected.point_coords, before.point_coords]];
    });
    expect(wrong).toEqual([]);
  });

  it("gives their records", () => {
    for (const [expected, record] of pairs) {
      expect(record.predictedIou).toBeCloseTo(expected.predicted_iou, 4);
      expect(record.stabilityScore).toBeCloseTo(expected.stability_score, 2.5);
      expect(record.area / expected.area).toBeCloseTo(1, 2);
      expect(record.pointCoords).toEqual(expected.point_coords);
      expect(record.cropBox).toEqual(expected.crop_box);
    }
  });
});

it("interrupted, leaves nothing on the GPU", async () => {
  const generate = (options: GenerateMasksOptions) => {
    return sam.generateMasks("demos/photos/coffee.png", { pointsPerSide: 2, pointsPerBatch: 2, ...options });
  };
  await generate({}); // makes the plans, which stay
  const held = device.memory.bytes;
  const controller = new AbortController();
  const work = generate({ signal: controller.signal, onProgress: () => controller.abort() });
  await expect(work).rejects.toThrow(/abort/i);
  expect(device.memory.bytes).toBe(held);
});

function isNear(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => Math.abs(value - (b[i] as number)) <= 3);
}
