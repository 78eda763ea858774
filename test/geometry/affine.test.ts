// The maps between pictures: each against the arithmetic that it stands for, to the last bit.

import { describe, expect, it } from "vitest";
import { mat3d } from "wgpu-matrix";
import {
  cropToPicture,
  patchToPicture,
  pictureToDrawing,
  resizing,
  transformBox,
  transformPoint,
  unitSquareToCrop,
} from "../../src/geometry/affine.ts";
import { resizedSize } from "../../src/models/preprocess/recipe.ts";

describe("resizing", () => {
  it.each([
    { width: 1534, height: 1500 },
    { width: 54, height: 1023 },
    { width: 16384, height: 3 },
    { width: 640, height: 427 },
  ])("takes the pixels of $width x $height to SAM's square, rounded once", (picture) => {
    const [height, width] = resizedSize({ longest: 1024 }, [picture.height, picture.width]);
    const resized = { width, height };
    const toSquare = resizing(picture, resized);
    for (let x = 0, y = 0; x <= picture.width; x++, y = (y + 7) % picture.height) {
      const exact = [(x * resized.width) / picture.width, (y * resized.height) / picture.height];
      expect(transformPoint(toSquare, [x, y])).toEqual(exact);
    }
  });

  it("keeps the middle of an odd square where it is: a product with the rounded scale would miss it", () => {
    expect(27 * (1023 / 54)).not.toBe(511.5);
    const toSquare = resizing({ width: 54, height: 54 }, { width: 1023, height: 1023 });
    expect(transformPoint(toSquare, [27, 27])).toEqual([511.5, 511.5]);
  });

  it("is undone by its inverse", () => {
    const map = pictureToDrawing({ width: 640, height: 427 }, { width: 840, height: 560 }, [854, 20]);
    const [x, y] = transformPoint(mat3d.inverse(map), transformPoint(map, [123, 45.5]));
    expect(x).toBeCloseTo(123, 10);
    expect(y).toBeCloseTo(45.5, 10);
  });
});

describe("crops", () => {
  const crop = [120, 40, 420, 240] as const;

  it("lie in the picture", () => {
    expect(transformPoint(cropToPicture(crop), [0.25, 3])).toEqual([120.25, 43]);
    expect(transformBox(cropToPicture(crop), [0, 0, 300, 200])).toEqual([...crop]);
  });

  it("hold the grid of points, which the product of both maps takes to the picture", () => {
    expect(transformPoint(unitSquareToCrop(crop), [0.5, 0.25])).toEqual([150, 50]);
    const gridToPicture = mat3d.multiply(cropToPicture(crop), unitSquareToCrop(crop));
    expect(transformPoint(gridToPicture, [0.5, 0.25])).toEqual([270, 90]);
  });
});

it("patches have their centres in the picture", () => {
  const toPicture = patchToPicture([14, 21], { width: 640, height: 427 });
  expect(transformPoint(toPicture, [0, 0])).toEqual([(0.5 * 640) / 21, (0.5 * 427) / 14]);
  expect(transformPoint(toPicture, [20, 13])).toEqual([(20.5 * 640) / 21, (13.5 * 427) / 14]);
});

it("a drawing holds a picture resized and moved", () => {
  const toDrawing = pictureToDrawing({ width: 100, height: 50 }, { width: 200, height: 100 }, [14, 7]);
  expect(transformBox(toDrawing, [0, 0, 100, 50])).toEqual([14, 7, 214, 107]);
});
