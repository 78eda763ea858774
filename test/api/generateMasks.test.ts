// Everything mode around a network that is a drawing: what is asked of it, in which order masks are filtered, what
// comes out, and that nothing is left behind. Real networks run in test/api/sam.test.ts.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/device/errors.ts";
import { fromCocoRle } from "../../src/masks/cocoRle.ts";
import type { CandidateFilter, CropPredictor, MaskCandidate, Point } from "../../src/masks/generateMasks.ts";
import { generateMasks } from "../../src/masks/generateMasks.ts";
import type { GenerateMasksOptions } from "../../src/masks/options.ts";
import { maskPolygons } from "../../src/masks/polygons.ts";
import type { Box, Mask, MaskBits, Rle } from "../../src/masks/rle.ts";
import { decodeRle, encodeRle } from "../../src/masks/rle.ts";

/** A rectangle of the picture, [x0, x1) x [y0, y1), that each point inside finds. */
interface Shape {
  readonly box: Box;
  readonly predictedIou: number;
  readonly stabilityScore?: number;
  /** Cut out of it. */
  readonly hole?: Box;
}

interface Call {
  readonly crop: Box;
  readonly points: readonly Point[];
  readonly filter: CandidateFilter;
}

const isIn = ([x0, y0, x1, y1]: Box, x: number, y: number) => x >= x0 && x < x1 && y >= y0 && y < y1;

/** A predictor that sees these shapes, and tells what it was asked. */
function drawing([width, height]: readonly [number, number], shapes: readonly Shape[]) {
  const calls: Call[] = [];
  const counts = { encoded: 0, disposed: 0 };
  const predictor: CropPredictor = {
    width,
    height,
    async encodeCrop(crop) {
      counts.encoded++;
      return {
        async *predictPoints(points, filter) {
          calls.push({ crop, points, filter });
          for (const [point, [x, y]] of points.entries()) {
            for (const shape of shapes) {
              if (isIn(shape.box, x + crop[0], y + crop[1])) yield candidate(point, shape, crop);
            }
          }
        },
        dispose: () => void counts.disposed++,
      };
    },
  };
  return { predictor, calls, counts };
}

function candidate(point: number, { box, hole, predictedIou, stabilityScore = 0.97 }: Shape, crop: Box): MaskCandidate {
  const [width, height] = [crop[2] - crop[0], crop[3] - crop[1]];
  const perColumn = Math.ceil(height / 32);
  const words = new Uint32Array(width * perColumn);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (!isIn(box, x + crop[0], y + crop[1]) || (hole && isIn(hole, x + crop[0], y + crop[1]))) continue;
      const at = x * perColumn + (y >> 5);
      words[at] = (words[at] as number) | (1 << (y & 31));
    }
  }
  const mask: MaskBits = { width, height, words };
  return { point, mask, predictedIou, stabilityScore };
}

const SIZE = [120, 90] as const;
const LEFT: Shape = { box: [10, 10, 50, 80], predictedIou: 0.9 };
const RIGHT: Shape = { box: [60, 20, 110, 70], predictedIou: 0.95, stabilityScore: 0.99 };

describe("what is asked of the network", () => {
  it("points row by row, in batches of pixels of the picture, with the filter", async () => {
    const { predictor, calls, counts } = drawing(SIZE, []);
    const progress: number[][] = [];
    const records = await generateMasks(predictor, {
      pointsPerSide: 3,
      pointsPerBatch: 4,
      predIouThresh: 0.5,
      onProgress: ({ done, total }) => progress.push([done, total]),
    });
    expect(records).toEqual([]);
    expect(calls.map(({ points }) => points.length)).toEqual([4, 4, 1]);
    const points = calls.flatMap((call) => call.points);
    const expected = [15, 45, 75].flatMap((y) => [20, 60, 100].map((x) => [x, y] as const));
    for (const [i, [x, y]] of expected.entries()) {
      expect(points[i]?.[0]).toBeCloseTo(x, 10);
      expect(points[i]?.[1]).toBeCloseTo(y, 10);
    }
    expect(calls[0]?.filter).toMatchObject({
      predIouThresh: 0.5,
      stabilityScoreThresh: 0.95,
      stabilityScoreOffset: 1,
    });
    expect(progress).toEqual([
      [4, 9],
      [8, 9],
      [9, 9],
    ]);
    expect(counts).toEqual({ encoded: 1, disposed: 1 });
  });

  it("segment-anything's defaults", async () => {
    const { predictor, calls } = drawing(SIZE, []);
    await generateMasks(predictor);
    expect(calls.map(({ points }) => points.length)).toEqual(Array(16).fill(64));
    expect(calls[0]?.filter).toMatchObject({ predIouThresh: 0.88 });
  });

  it("crops of each layer, with their own grids", async () => {
    const { predictor, calls, counts } = drawing([300, 200], []);
    const grids = [
      [[0.5, 0.5]],
      [
        [0.25, 1],
        [0, 0.5],
      ],
    ] as const;
    await generateMasks(predictor, { pointGrids: grids, cropNLayers: 1, cropOverlapRatio: 0.2 });
    expect(calls.map(({ crop, points }) => [crop, points])).toEqual([
      [[0, 0, 300, 200], [[150, 100]]],
      [
        [0, 0, 170, 120],
        [
          [42.5, 120],
          [0, 60],
        ],
      ],
      [
        [0, 80, 170, 200],
        [
          [42.5, 120],
          [0, 60],
        ],
      ],
      [
        [130, 0, 300, 120],
        [
          [42.5, 120],
          [0, 60],
        ],
      ],
      [
        [130, 80, 300, 200],
        [
          [42.5, 120],
          [0, 60],
        ],
      ],
    ]);
    expect(counts).toEqual({ encoded: 5, disposed: 5 });
  });
});

describe("what comes out", () => {
  it("records, best predicted IoU first, one for each shape, of the first point that found it", async () => {
    const { predictor } = drawing(SIZE, [LEFT, RIGHT]);
    const records = await generateMasks(predictor, { pointsPerSide: 8, outputMode: "rle" });
    const common = { cropBox: [0, 0, 120, 90] };
    expect(records.map(({ segmentation: _, ...rest }) => rest)).toEqual([
      {
        ...common,
        area: 2500,
        bbox: [60, 20, 49, 49],
        predictedIou: 0.95,
        stabilityScore: 0.99,
        pointCoords: [[67.5, 28.125]],
      },
      {
        ...common,
        area: 2800,
        bbox: [10, 10, 39, 69],
        predictedIou: 0.9,
        stabilityScore: 0.97,
        pointCoords: [[22.5, 16.875]],
      },
    ]);
  });

  it("the same mask in every form", async () => {
    const { predictor } = drawing(SIZE, [{ ...LEFT, hole: [20, 20, 30, 40] }]);
    const inForm = async <Mode extends NonNullable<GenerateMasksOptions["outputMode"]>>(outputMode: Mode) =>
      (await generateMasks(predictor, { pointsPerSide: 8, outputMode }))[0];
    const mask = (await inForm("binary"))?.segmentation as Mask;
    expect([mask.width, mask.height]).toEqual(SIZE);
    const expected = Uint8Array.from({ length: 120 * 90 }, (_, i) => {
      const [x, y] = [i % 120, Math.floor(i / 120)];
      return Number(isIn(LEFT.box, x, y) && !isIn([20, 20, 30, 40], x, y));
    });
    expect(mask.data).toEqual(expected);
    const rle = (await inForm("rle"))?.segmentation as Rle;
    expect(rle).toEqual(encodeRle(mask));
    const coco = await inForm("coco_rle");
    expect(coco && fromCocoRle(coco.segmentation)).toEqual(rle);
    expect((await inForm("polygon"))?.segmentation).toEqual(maskPolygons(mask));
    expect(await generateMasks(predictor, { pointsPerSide: 8 })).toMatchObject([{ segmentation: mask }]);
  });

  it("without those whose boxes overlap a better one too much", async () => {
    const wider: Shape = { box: [10, 10, 55, 80], predictedIou: 0.93 };
    const { predictor } = drawing(SIZE, [LEFT, wider]);
    const boxesAt = async (boxNmsThresh: number) =>
      (await generateMasks(predictor, { pointsPerSide: 8, boxNmsThresh })).map(({ bbox }) => bbox);
    expect(await boxesAt(0.7)).toEqual([[10, 10, 44, 69]]);
    expect(await boxesAt(0.95)).toEqual([
      [10, 10, 44, 69],
      [10, 10, 39, 69],
    ]);
  });

  it("from the smallest crop in which a mask is whole, even where a larger one found it better", async () => {
    const small: Shape = { box: [30, 30, 80, 60], predictedIou: 0.9 };
    const cut: Shape = { box: [100, 70, 200, 130], predictedIou: 0.9 };
    const { predictor } = drawing([300, 200], [small, cut]);
    const records = await generateMasks(predictor, { pointsPerSide: 16, cropNLayers: 1, cropOverlapRatio: 0.2 });
    expect(records.map(({ cropBox, bbox, area }) => ({ cropBox, bbox, area }))).toEqual([
      { cropBox: [0, 0, 170, 120], bbox: [30, 30, 49, 29], area: 1500 },
      // Every crop cuts it.
      { cropBox: [0, 0, 300, 200], bbox: [100, 70, 99, 59], area: 6000 },
    ]);
    const point = records[0]?.pointCoords[0] as Point;
    expect(isIn(small.box, point[0], point[1])).toBe(true);
  });

  it("empty masks too, if the filter lets them pass, each for itself", async () => {
    const { predictor } = drawing(SIZE, [{ ...LEFT, hole: LEFT.box }]);
    const records = await generateMasks(predictor, { pointsPerSide: 2 });
    // Boxes without area have no overlap, so that each stays, as with torchvision's suppression.
    expect(records.map(({ area, bbox }) => [area, ...bbox])).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });
});

describe("small regions", () => {
  const holed: Shape = { ...LEFT, hole: [20, 20, 25, 24], predictedIou: 0.99 };

  it("are filled, and masks that had none come first", async () => {
    const { predictor } = drawing(SIZE, [holed, RIGHT]);
    const options = { pointsPerSide: 8, outputMode: "rle" } as const;
    const before = await generateMasks(predictor, options);
    expect(before.map(({ area }) => area)).toEqual([2780, 2500]);
    const after = await generateMasks(predictor, { ...options, minMaskRegionArea: 21 });
    expect(after.map(({ area, predictedIou }) => [area, predictedIou])).toEqual([
      [2500, 0.95],
      [2800, 0.99],
    ]);
    expect(decodeRle(after[1]?.segmentation as Rle).data[22 * 120 + 22]).toBe(1);
    const kept = await generateMasks(predictor, { ...options, minMaskRegionArea: 20 });
    expect(kept).toEqual(before);
  });

  it("that made a mask look another are no reason to keep both: the unchanged one stays", async () => {
    const strip: Shape = { box: [10, 10, 110, 14], predictedIou: 0.99, hole: [50, 10, 108, 14] };
    const body: Shape = { box: [10, 10, 50, 14], predictedIou: 0.9 };
    const { predictor } = drawing(SIZE, [strip, body]);
    const options = { pointGrids: [[[0.25, 0.13]]], outputMode: "rle" } as const;
    expect((await generateMasks(predictor, options)).map(({ area }) => area)).toEqual([168, 160]);
    const [record, ...others] = await generateMasks(predictor, { ...options, minMaskRegionArea: 9 });
    expect(others).toEqual([]);
    expect([record?.area, record?.predictedIou, record?.bbox]).toEqual([160, 0.9, [10, 10, 39, 3]]);
  });
});

describe("interrupted", () => {
  it("between runs: rejects with the signal's reason and disposes of the crop", async () => {
    const { predictor, calls, counts } = drawing(SIZE, [LEFT]);
    const controller = new AbortController();
    const reason = new Error("enough");
    const work = generateMasks(predictor, {
      pointsPerSide: 4,
      pointsPerBatch: 4,
      cropNLayers: 1,
      signal: controller.signal,
      onProgress: ({ done }) => done === 8 && controller.abort(reason),
    });
    await expect(work).rejects.toBe(reason);
    expect(calls.length).toBe(2);
    expect(counts).toEqual({ encoded: 1, disposed: 1 });
  });

  it("before it began: nothing is encoded", async () => {
    const { predictor, counts } = drawing(SIZE, [LEFT]);
    await expect(generateMasks(predictor, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    expect(counts).toEqual({ encoded: 0, disposed: 0 });
  });

  it("by a failure of the network: the crop is disposed of", async () => {
    const { predictor, counts } = drawing(SIZE, []);
    const failing: CropPredictor = {
      ...predictor,
      async encodeCrop(box) {
        const scene = await predictor.encodeCrop(box);
        return {
          dispose: scene.dispose,
          // biome-ignore lint/correctness/useYield: it fails before
          async *predictPoints() {
            throw new Error("lost");
          },
        };
      },
    };
    await expect(generateMasks(failing)).rejects.toThrow("lost");
    expect(counts).toEqual({ encoded: 1, disposed: 1 });
  });
});

describe("options that do not fit", () => {
  const given = (options: object) => options as GenerateMasksOptions;
  it.each<[GenerateMasksOptions, RegExp]>([
    [{ pointsPerSide: 0 }, /pointsPerSide is 0, expected a whole number from 1/],
    [{ pointsPerSide: 2.5 }, /pointsPerSide is 2.5/],
    [{ pointsPerBatch: Number.NaN }, /pointsPerBatch is NaN/],
    [{ predIouThresh: Number.NaN }, /predIouThresh is NaN, expected a number/],
    [given({ stabilityScoreThresh: "0.9" }), /stabilityScoreThresh is "0.9", expected a number/],
    [{ stabilityScoreOffset: -1 }, /stabilityScoreOffset is -1/],
    [{ cropNLayers: -1 }, /cropNLayers is -1/],
    [{ cropOverlapRatio: 1 }, /cropOverlapRatio is 1/],
    [{ cropNPointsDownscaleFactor: 0 }, /cropNPointsDownscaleFactor is 0/],
    [{ pointsPerSide: 4, cropNLayers: 2, cropNPointsDownscaleFactor: 3 }, /layer 2 of crops has no points/],
    [{ cropNLayers: 8 }, /120 x 90 cannot be cut into 8 layers/],
    [given({ outputMode: "png" }), /outputMode is "png", expected one of binary, rle, coco_rle, polygon/],
    [{ pointsPerSide: 4, pointGrids: [[[0, 0]]] }, /both pointsPerSide and pointGrids/],
    [{ pointGrids: [[[0, 0]]], cropNLayers: 1 }, /pointGrids has 1 grids, expected 2/],
    [{ pointGrids: [[]] }, /grid 0 of pointGrids is empty/],
    [{ pointGrids: [[[0.5, 1.5]]] }, /grid 0 of pointGrids has \[0.5,1.5\]/],
  ])("%j", async (options, message) => {
    const { predictor, counts } = drawing(SIZE, []);
    const error = await generateMasks(predictor, options).catch((reason) => reason);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(message);
    expect(counts.encoded).toBe(0);
  });
});
