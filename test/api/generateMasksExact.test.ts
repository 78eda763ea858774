// Everything mode after the network: fed with the masks that segment-anything's own network gave, it must come to the
// records of segment-anything's own generator, to the last bit (scripts/goldenEverything.py).
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fromCocoRle } from "../../src/masks/cocoRle.ts";
import { type CropPredictor, generateMasks, type MaskCandidate, type Point } from "../../src/masks/generateMasks.ts";
import type { GenerateMasksOptions } from "../../src/masks/options.ts";
import { type Box, columnRuns, type MaskBits } from "../../src/masks/rle.ts";

interface GoldenMask {
  readonly point: number;
  readonly counts: string;
  readonly predicted_iou: number;
  readonly stability_score: number;
}

interface GoldenRecord extends Omit<GoldenMask, "point" | "counts"> {
  readonly segmentation: { readonly size: [number, number]; readonly counts: string };
  readonly area: number;
  readonly bbox: number[];
  readonly point_coords: number[][];
  readonly crop_box: number[];
}

interface Golden {
  readonly size: [height: number, width: number];
  readonly settings: Readonly<Record<string, number>>;
  readonly batches: readonly { readonly crop: Box; readonly points: Point[]; readonly masks: GoldenMask[] }[];
  readonly records: readonly GoldenRecord[];
}

const golden: Golden = JSON.parse(readFileSync("test/golden/masks/candidates.json", "utf8"));

/** Plays back what the network gave, as long as it is asked what the original asked it. */
function recorded(): CropPredictor {
  const [height, width] = golden.size;
  let next = 0;
  return {
    width,
    height,
    async encodeCrop(crop) {
      return {
        async *predictPoints(points) {
          const batch = golden.batches[next++];
          expect({ crop, points }).toEqual({ crop: batch?.crop, points: batch?.points });
          for (const mask of batch?.masks ?? []) yield candidate(mask, crop);
        },
        dispose: () => {},
      };
    },
  };
}

function candidate({ counts, ...mask }: GoldenMask, [x0, y0, x1, y1]: Box): MaskCandidate {
  const [width, height] = [x1 - x0, y1 - y0];
  const perColumn = Math.ceil(height / 32);
  const bits: MaskBits = { width, height, words: new Uint32Array(width * perColumn) };
  for (const [start, end] of columnRuns(fromCocoRle({ size: [height, width], counts }), 1)) {
    for (let i = start; i < end; i++) {
      const [x, y] = [Math.floor(i / height), i % height];
      const word = x * perColumn + (y >> 5);
      bits.words[word] = (bits.words[word] as number) | (1 << (y & 31));
    }
  }
  return { point: mask.point, mask: bits, predictedIou: mask.predicted_iou, stabilityScore: mask.stability_score };
}

it("gives the original's records for the original's masks", async () => {
  const renamed = Object.entries(golden.settings).map(([name, value]) => {
    return [name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), value];
  });
  const options: GenerateMasksOptions<"coco_rle"> = { ...Object.fromEntries(renamed), outputMode: "coco_rle" };
  const records = await generateMasks(recorded(), options);
  const inOriginalNames = records.map((record) => ({
    segmentation: record.segmentation,
    area: record.area,
    bbox: record.bbox,
    predicted_iou: record.predictedIou,
    point_coords: record.pointCoords,
    stability_score: record.stabilityScore,
    crop_box: record.cropBox,
  }));
  expect(inOriginalNames).toEqual(golden.records);
  expect(new Set(golden.records.map(({ crop_box }) => String(crop_box))).size, "crops among them").toBeGreaterThan(1);
});
