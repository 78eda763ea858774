// COCO datasets of masks in every form. The RLEs, areas and boxes are what pycocotools 2.0 gives for the same masks
// (mask.encode, mask.area, mask.toBbox), and its COCO() and loadRes took the dataset.
import { describe, expect, it } from "vitest";
import { cocoDataset, type MaskToExport } from "../../src/masks/cocoDataset.ts";
import { toCocoRle } from "../../src/masks/cocoRle.ts";
import { maskPolygons } from "../../src/masks/polygons.ts";
import { encodeRle, type Mask } from "../../src/masks/rle.ts";

const [width, height] = [12, 9];

function drawn(isInside: (x: number, y: number) => boolean): Mask {
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    return Number(isInside(i % width, Math.floor(i / width)));
  });
  return { width, height, data };
}

const DISC = drawn((x, y) => Math.hypot(x - 6.5, y - 4) < 3.6);
const RING = drawn((x, y) => DISC.data[y * width + x] === 1 && Math.hypot(x - 6.5, y - 4) > 1.5);
const DOT = drawn((x, y) => x === 4 && y === 3);
const EMPTY = drawn(() => false);

const dataset = (...masks: MaskToExport[]) => cocoDataset([{ fileName: "a.png", width, height, masks }]);

describe("cocoDataset", () => {
  it.each([
    ["disc", DISC, "o0164M2O000001N3L7", 40, [3, 1, 8, 7]],
    ["ring", RING, "o0164MNN01O10O010O1O0223L7", 32, [3, 1, 8, 7]],
    ["dot", DOT, "W11T2", 1, [4, 3, 1, 1]],
    ["nothing", EMPTY, "\\3", 0, [0, 0, 0, 0]],
  ])("has pycocotools' RLE, area and box of a %s, whatever form the mask has", (_, mask, counts, area, bbox) => {
    const rle = encodeRle(mask);
    const { annotations } = dataset({ segmentation: mask }, { segmentation: rle }, { segmentation: toCocoRle(rle) });
    const expected = { segmentation: { size: [height, width], counts }, area, bbox, image_id: 1, iscrowd: 0 };
    expect(annotations).toEqual([1, 2, 3].map((id) => ({ ...expected, id, category_id: 1 })));
  });

  it("keeps polygons, with the area that their holes leave", () => {
    const segmentation = maskPolygons(RING);
    expect(segmentation, "the edge and the hole").toHaveLength(2);
    const { annotations } = dataset({ segmentation }, { segmentation: maskPolygons(EMPTY) });
    expect(annotations[0]).toMatchObject({ segmentation, area: 32, bbox: [3, 1, 8, 7] });
    expect(annotations[1]).toMatchObject({ segmentation: [], area: 0, bbox: [0, 0, 0, 0] });
  });

  it("counts ids from 1 through all pictures, and has a category for each name", () => {
    const record = {
      segmentation: DISC,
      bbox: [3, 1, 7, 6] as const, // segment-anything's, which is not COCO's
      area: 40,
      predictedIou: 0.875,
      stabilityScore: 0.5,
      pointCoords: [[6.5, 4]] as const,
      cropBox: [0, 0, 12, 9] as const,
    };
    const { info, licenses, images, annotations, categories } = cocoDataset(
      [
        { fileName: "a.png", width, height, masks: [record, { ...record, category: "sun" }] },
        { fileName: "none.png", width: 3, height: 2, masks: [] },
        { fileName: "sub/b.png", width, height, masks: [{ segmentation: DOT, category: "sun" }] },
      ],
      { description: "Suns", year: 2024 },
    );
    expect(info).toMatchObject({ description: "Suns", year: 2024, version: "1.0" });
    expect(licenses).toEqual([]);
    expect(images).toEqual([
      { id: 1, file_name: "a.png", width, height },
      { id: 2, file_name: "none.png", width: 3, height: 2 },
      { id: 3, file_name: "sub/b.png", width, height },
    ]);
    expect(categories.map(({ id, name }) => [id, name])).toEqual([
      [1, "object"],
      [2, "sun"],
    ]);
    const keys = annotations.map(({ id, image_id, category_id }) => [id, image_id, category_id]);
    expect(keys).toEqual([
      [1, 1, 1],
      [2, 1, 2],
      [3, 3, 2],
    ]);
    expect(annotations[0]).toMatchObject({ score: 0.875, predicted_iou: 0.875, stability_score: 0.5 });
    expect(annotations[0]).toMatchObject({ bbox: [3, 1, 8, 7], point_coords: [[6.5, 4]], crop_box: [0, 0, 12, 9] });
    expect(annotations[2]).not.toHaveProperty("score");
  });

  it("refuses a mask of another size than its picture", () => {
    expect(() => cocoDataset([{ fileName: "a.png", width: 9, height: 12, masks: [{ segmentation: DISC }] }])).toThrow(
      "a mask of a.png is 12 x 9, expected 9 x 12",
    );
  });
});
