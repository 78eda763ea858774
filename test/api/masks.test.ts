// Formats of masks, boxes, crops, small regions and outlines against pycocotools, OpenCV and NumPy
// (scripts/goldenMasks.py made the numbers).
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/device/errors.ts";
import { boxNms, isNearCropEdge, xywhOf } from "../../src/masks/boxes.ts";
import { fromCocoRle, toCocoRle } from "../../src/masks/cocoRle.ts";
import { cropBoxes, layerPointGrids, pointGrid } from "../../src/masks/crops.ts";
import { maskPolygons, outerRings, rlePolygons } from "../../src/masks/polygons.ts";
import { removeSmallRegions } from "../../src/masks/regions.ts";
import type { Box, Mask, MaskBits, Rle } from "../../src/masks/rle.ts";
import { decodeRle, encodeBits, encodeRle, maskArea, maskBox, uncropRle } from "../../src/masks/rle.ts";

interface Drawing {
  readonly height: number;
  readonly width: number;
  readonly kind: string;
  readonly amount: number;
}

interface Golden {
  readonly masks: readonly (Drawing & { area: number; box: number[]; coco: string; counts?: number[] })[];
  readonly regions: readonly { mask: number; minArea: number; holes: string; islands: string }[];
  readonly equalIslands: readonly { mask: string; islands: string }[];
  readonly suppressions: readonly { boxes: Box[]; scores: number[]; threshold: number; kept: number[] }[];
  readonly crops: readonly { size: [number, number]; layers: number; ratio: number; boxes: number[][] }[];
  readonly gridSides: Readonly<Record<string, number[]>>;
}

const golden: Golden = JSON.parse(readFileSync("test/golden/masks/masks.json", "utf8"));

function lattice(x: number, y: number, seed: number): number {
  let n = (Math.imul(x, 374761393) + Math.imul(y, 668265263) + Math.imul(seed, 2246822519)) >>> 0;
  n = Math.imul(n ^ (n >>> 13), 1274126177) >>> 0;
  return ((n ^ (n >>> 16)) >>> 0) % 100;
}

/** Whether the formula of goldenMasks.py has a one at (x, y). */
function isOne({ kind, amount }: Drawing, [x, y]: readonly [number, number], seed: number): boolean {
  if (kind === "empty" || kind === "full") return kind === "full";
  if (kind === "noise") return lattice(x, y, seed) < amount;
  const [cx, cy, fx, fy] = [Math.floor(x / amount), Math.floor(y / amount), x % amount, y % amount];
  const row = (j: number) => lattice(cx, cy + j, seed) * (amount - fx) + lattice(cx + 1, cy + j, seed) * fx;
  return row(0) * (amount - fy) + row(1) * fy > 50 * amount * amount;
}

function draw(drawing: Drawing, seed: number): Mask {
  const { width, height } = drawing;
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    return Number(isOne(drawing, [i % width, Math.floor(i / width)], seed));
  });
  return { width, height, data };
}

/** The bits of a mask, with ones in those below its last row, which must not matter. */
function pack({ width, height, data }: Mask): MaskBits {
  const perColumn = Math.ceil(height / 32);
  const words = new Uint32Array(width * perColumn);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < perColumn * 32; y++) {
      const bit = y >= height || data[y * width + x] === 1 ? 1 : 0;
      words[x * perColumn + (y >> 5)] = (words[x * perColumn + (y >> 5)] as number) | (bit << (y & 31));
    }
  }
  return { width, height, words };
}

/** A mask with everything filled that no walk from outside reaches, from pixel to pixel across their edges. */
function withoutHoles({ width, height, data }: Mask): Uint8Array {
  const filled = new Uint8Array(width * height).fill(1);
  const isBorder = (i: number) => i % width === 0 || i % width === width - 1 || i < width || i >= width * (height - 1);
  const open = [...data.keys()].filter((i) => isBorder(i) && !data[i]);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (data[i] || !filled[i]) continue;
    filled[i] = 0;
    if (i % width > 0) open.push(i - 1);
    if (i % width < width - 1) open.push(i + 1);
    if (i >= width) open.push(i - width);
    if (i < width * (height - 1)) open.push(i + width);
  }
  return filled;
}

const titled = golden.masks.map((expected, seed) => {
  const title = `${expected.kind} ${expected.amount}, ${expected.width} x ${expected.height}`;
  return { title, expected, mask: draw(expected, seed) };
});

describe.each(titled)("$title", ({ expected, mask }) => {
  const rle = encodeRle(mask);

  it("is encoded as pycocotools does it", () => {
    if (expected.counts) expect(rle.counts).toEqual(expected.counts);
    expect(toCocoRle(rle)).toEqual({ size: [mask.height, mask.width], counts: expected.coco });
  });

  it("is encoded alike from packed bits", () => {
    expect(encodeBits(pack(mask))).toEqual(rle);
  });

  it("comes back from both encodings", () => {
    expectMask(decodeRle(rle), mask);
    expect(fromCocoRle({ size: [mask.height, mask.width], counts: expected.coco })).toEqual(rle);
  });

  it("has its area and box", () => {
    expect(maskArea(mask)).toBe(expected.area);
    expect(maskArea(rle)).toBe(expected.area);
    expect(maskBox(mask)).toEqual(expected.box);
    expect(maskBox(rle)).toEqual(expected.box);
  });

  it("is what its outlines enclose, under both fill rules", () => {
    const winding = fill(maskPolygons(mask), mask);
    expect(winding.length).toBe(mask.data.length);
    expect(winding.findIndex((turns, i) => turns !== mask.data[i])).toBe(-1);
  });

  it("has the same outlines when it is encoded", () => {
    expect(rlePolygons(rle)).toEqual(maskPolygons(mask));
  });

  it("is without its holes what its outer rings enclose, each once", () => {
    const winding = fill(outerRings(maskPolygons(mask)), mask);
    const filled = withoutHoles(mask);
    expect(winding.findIndex((turns, i) => turns !== filled[i])).toBe(-1);
  });

  it("lies at its place in a larger image", () => {
    const [width, height, left, top] = [mask.width + 5, mask.height + 3, 4, 2];
    const whole = decodeRle(uncropRle(rle, [left, top, left + mask.width, top + mask.height], [height, width]));
    const expectedData = new Uint8Array(width * height);
    for (let y = 0; y < mask.height; y++) {
      expectedData.set(mask.data.subarray(y * mask.width, (y + 1) * mask.width), (y + top) * width + left);
    }
    expectMask(whole, { width, height, data: expectedData });
    expect(encodeRle(whole)).toEqual(
      uncropRle(rle, [left, top, left + mask.width, top + mask.height], [height, width]),
    );
  });
});

/** How often the rings go around each pixel's centre, by the upright edges to the left of it. */
function fill(rings: readonly (readonly number[])[], { width, height }: Mask): Int32Array {
  const turns = new Int32Array((width + 1) * height);
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = [ring[i] as number, ring[i + 1] as number];
      const [nextX, nextY] = [ring[(i + 2) % ring.length] as number, ring[(i + 3) % ring.length] as number];
      if ((x === nextX) === (y === nextY)) throw new Error(`(${x}, ${y}) to (${nextX}, ${nextY}) is no edge of pixels`);
      for (let row = Math.min(y, nextY); row < Math.max(y, nextY); row++) {
        turns[row * (width + 1) + x] = (turns[row * (width + 1) + x] as number) + (nextY < y ? 1 : -1);
      }
    }
  }
  let sum = 0;
  const sums = turns.map((turn, i) => (sum = i % (width + 1) === 0 ? turn : sum + turn));
  return sums.filter((_, i) => i % (width + 1) < width);
}

/** toEqual, without comparing and printing large masks pixel by pixel. */
function expectMask(found: Mask, { width, height, data }: Mask): void {
  expect([found.width, found.height]).toEqual([width, height]);
  expect(found.data.findIndex((pixel, i) => pixel !== data[i])).toBe(-1);
}

describe("outlines", () => {
  const rings = (...rows: string[]) => {
    const data = Uint8Array.from(rows.join(""), Number);
    return maskPolygons({ width: rows[0]?.length ?? 0, height: rows.length, data });
  };

  it("run clockwise around a region and counter-clockwise around its hole, with points at turns only", () => {
    expect(rings("1111", "1001", "1111")).toEqual([
      [0, 0, 4, 0, 4, 3, 0, 3],
      [1, 2, 3, 2, 3, 1, 1, 1],
    ]);
  });

  it("take diagonal neighbours for one region", () => {
    expect(rings("10", "01")).toEqual([[0, 0, 1, 0, 1, 1, 2, 1, 2, 2, 1, 2, 1, 1, 0, 1]]);
  });
});

describe("small regions", () => {
  const masks = golden.masks.map(draw);

  it.each(golden.regions)(
    "of mask $mask under $minArea pixels go as OpenCV labels them",
    ({ mask, minArea, ...expected }) => {
      const rle = encodeRle(masks[mask] as Mask);
      for (const mode of ["holes", "islands"] as const) {
        const made = removeSmallRegions(rle, minArea, mode);
        expect(toCocoRle(made.rle).counts, mode).toBe(expected[mode]);
        expect(made.changed || toCocoRle(rle).counts === expected[mode]).toBe(true);
        expect(encodeRle(decodeRle(made.rle))).toEqual(made.rle);
      }
    },
  );

  it("of equal size: OpenCV's first label stays", () => {
    for (const { mask, islands } of golden.equalIslands) {
      const rle = fromCocoRle({ size: [12, 12], counts: mask });
      expect(toCocoRle(removeSmallRegions(rle, 4, "islands").rle).counts).toBe(islands);
    }
  });

  it("none: the same object, unchanged", () => {
    const rle: Rle = { size: [2, 2], counts: [0, 4] };
    expect(removeSmallRegions(rle, 1, "islands")).toEqual({ rle, changed: false });
    expect(removeSmallRegions(rle, 1, "islands").rle).toBe(rle);
    expect(removeSmallRegions({ size: [2, 2], counts: [4] }, 9, "islands").changed).toBe(false);
  });
});

describe("boxes", () => {
  it.each(golden.suppressions)(
    "suppression over $threshold, of $boxes.length",
    ({ boxes, scores, threshold, kept }) => {
      expect(boxNms(boxes, scores, threshold)).toEqual(kept);
    },
  );

  it("are cut where they touch an edge of the crop that is not the picture's", () => {
    const [crop, image]: Box[] = [
      [100, 0, 300, 200],
      [0, 0, 600, 200],
    ];
    const isCut = (...box: Box) => isNearCropEdge(box, crop as Box, image as Box);
    expect(isCut(120, 50, 200, 100)).toBe(true);
    expect(isCut(121, 50, 200, 100)).toBe(false);
    expect(isCut(121, 0, 279, 199)).toBe(false);
    expect(isCut(121, 50, 280, 100)).toBe(true);
  });

  it("as corner and size", () => {
    expect(xywhOf([3, 4, 10, 4])).toEqual([3, 4, 7, 0]);
  });
});

describe("crops", () => {
  it.each(golden.crops)("of $size in $layers layers that share $ratio", ({ size, layers, ratio, boxes }) => {
    expect(cropBoxes(size, layers, ratio).map(({ box, layer }) => [...box, layer])).toEqual(boxes);
  });

  it("of too small a picture are refused", () => {
    expect(() => cropBoxes([5, 5], 2, 0)).toThrow(ArgumentError);
    expect(() => cropBoxes([3, 300], 3, 0.3)).toThrow(/3 layers of crops/);
  });
});

describe("grids of points", () => {
  it.each(Object.entries(golden.gridSides))("%s a side, to the last bit", (n, side) => {
    expect(pointGrid(Number(n))).toEqual(side.flatMap((y) => side.map((x) => [x, y])));
  });

  it("get coarser from layer to layer", () => {
    expect(layerPointGrids(32, 2, 3).map((grid) => grid.length)).toEqual([32 ** 2, 10 ** 2, 3 ** 2]);
    expect(() => layerPointGrids(4, 2, 3)).toThrow(/layer 2 of crops has no points/);
  });
});

describe("what is no mask", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["too few bytes", () => encodeRle({ width: 2, height: 2, data: new Uint8Array(3) }), /3 bytes, expected 4/],
    ["a byte of 255", () => encodeRle({ width: 2, height: 1, data: Uint8Array.of(0, 255) }), /a 255 at \(1, 0\)/],
    ["no pixels", () => encodeRle({ width: 0, height: 2, data: new Uint8Array(0) }), /0 x 2/],
    ["too few words", () => encodeBits({ width: 3, height: 33, words: new Uint32Array(3) }), /3 words, expected 6/],
    ["runs that are too long", () => decodeRle({ size: [2, 2], counts: [1, 4] }), /sum to 5, expected 4/],
    ["a negative run", () => toCocoRle({ size: [2, 2], counts: [5, -1] }), /length -1/],
    ["half a run", () => decodeRle({ size: [2, 2], counts: [1.5, 2.5] }), /length 1.5/],
    ["a foreign character", () => fromCocoRle({ size: [2, 2], counts: "2~" }), /"~" at 1/],
    ["a string cut within a number", () => fromCocoRle({ size: [9, 9], counts: "1P" }), /ends within a number/],
    ["a number without end", () => fromCocoRle({ size: [9, 9], counts: "PPPPPPPPPP" }), /no RLE/],
    ["the string of another size", () => fromCocoRle({ size: [3, 2], counts: "22" }), /sum to 4, expected 6/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(message);
  });
});
