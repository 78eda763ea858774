// What the pictures of the command line are drawn with: layers, heat maps, outlines and pages, pixel by pixel.
import { describe, expect, it } from "vitest";
import { overlay, page, resized, svg, widthAt } from "../../src/cli/draw/drawing.ts";
import { heat, outline, patchColours } from "../../src/cli/draw/drawMap.ts";
import { drawMatches } from "../../src/cli/draw/drawMatches.ts";
import type { RgbaImage } from "../../src/io/image/image.ts";

type Rgba = readonly [number, number, number, number];

function plain(width: number, height: number, colour: Rgba): RgbaImage {
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) data.set(colour, i * 4);
  return { width, height, data };
}

function pixel({ width, data }: RgbaImage, x: number, y: number): number[] {
  return Array.from(data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4));
}

/** How light a colour looks, 0 to 255. */
function luma([r = 0, g = 0, b = 0]: readonly number[]): number {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

describe("overlay", () => {
  it("blends pixels by their alpha, and drawings over them", async () => {
    const layer = { ...plain(2, 1, [255, 255, 255, 0]) };
    layer.data[3] = 128;
    const half = await overlay(plain(2, 1, [0, 0, 200, 255]), layer);
    expect(pixel(half, 0, 0)).toEqual([128, 128, expect.closeTo(228, -0.5), 255]);
    expect(pixel(half, 1, 0)).toEqual([0, 0, 200, 255]);
    const drawing = svg({ width: 2, height: 1 }, '<rect x="1" width="1" height="1" fill="#ff0000"/>');
    expect(pixel(await overlay(half, drawing), 1, 0)).toEqual([255, 0, 0, 255]);
  });
});

describe("resized", () => {
  it("keeps the edges of patches as blocks", async () => {
    const colours = patchColours({ width: 2, height: 1, rgb: [255, 0, 0, 0, 255, 0] });
    const grown = await resized(colours, { width: 8, height: 4 }, "blocks");
    expect([pixel(grown, 3, 0), pixel(grown, 4, 3)]).toEqual([
      [255, 0, 0, 255],
      [0, 255, 0, 255],
    ]);
  });
});

describe("heat", () => {
  it("is light and dense where the number is greatest, dark and thin where it is least, even in between", async () => {
    const layer = await heat({ width: 3, height: 1, data: [-1, 0.5, 2] }, { width: 300, height: 100 });
    const [cold, warm, hot] = [10, 150, 290].map((x) => pixel(layer, x, 50)) as [number[], number[], number[]];
    expect([luma(cold) < 10, luma(hot) > 220]).toEqual([true, true]);
    expect(luma(warm)).toBeGreaterThan(luma(cold) + 50);
    expect(luma(warm)).toBeLessThan(luma(hot) - 50);
    expect([cold[3], hot[3]]).toEqual([120, 215]);
  });

  it("of equal numbers is all cold", async () => {
    const layer = await heat({ width: 2, height: 2, data: [3, 3, 3, 3] }, { width: 4, height: 4 });
    expect(new Set(layer.data.filter((_, i) => i % 4 === 3))).toEqual(new Set([120]));
  });
});

describe("outline", () => {
  const size = { width: 200, height: 100 };

  it("runs along the border of the mask and nowhere else", async () => {
    const layer = await outline({ width: 2, height: 1, data: [1, 0] }, size, { colour: "#00ff00", thickness: 4 });
    const alphas = Array.from({ length: size.width }, (_, x) => pixel(layer, x, 50)[3] as number);
    const drawn = alphas.flatMap((alpha, x) => (alpha > 0 ? [x] : []));
    expect(Math.min(...drawn)).toBeGreaterThan(90);
    expect(Math.max(...drawn)).toBeLessThan(110);
    expect(drawn.length).toBeGreaterThanOrEqual(6);
    expect(drawn.length).toBeLessThanOrEqual(12);
    expect(pixel(layer, 100, 50)).toEqual([0, 255, 0, 255]);
    expect(luma(pixel(layer, Math.min(...drawn), 50))).toBeLessThan(20);
  });

  it.each([[[1, 1]], [[0, 0]]])("of %j is nothing", async (data) => {
    const layer = await outline({ width: 2, height: 1, data }, size);
    expect(layer.data.every((value) => value === 0)).toBe(true);
  });

  it("of a mask of the picture's own size goes round it", async () => {
    const data = Uint8Array.from({ length: 200 * 100 }, (_, i) => Number((i % 200) - 100 < 20 && i % 200 >= 80));
    const layer = await outline({ ...size, data }, size);
    expect([80, 120].map((x) => (pixel(layer, x, 50)[3] as number) > 100)).toEqual([true, true]);
    expect([60, 100, 140].map((x) => pixel(layer, x, 50)[3])).toEqual([0, 0, 0]);
  });
});

describe("page", () => {
  it("sets rows of panels at one height, whatever their captions hold", async () => {
    const [wide, tall] = [plain(40, 10, [255, 0, 0, 255]), plain(10, 20, [0, 0, 255, 255])];
    const drawing = await page(
      [
        [
          { picture: wide, caption: "<a> & \u0000 b" },
          { picture: tall, caption: "long ".repeat(50) },
        ],
      ],
      50,
    );
    expect([widthAt(wide, 50), widthAt(tall, 50)]).toEqual([200, 25]);
    expect({ width: drawing.width, height: drawing.height }).toEqual({ width: 14 * 3 + 225, height: 14 + 50 + 29 });
    expect(pixel(drawing, 20, 20)).toEqual([255, 0, 0, 255]);
    expect(pixel(drawing, 14 + 200 + 14 + 10, 60)).toEqual([0, 0, 255, 255]);
    expect(pixel(drawing, 2, 2)).toEqual([0x15, 0x16, 0x1a, 255]);
  });
});

describe("drawMatches", () => {
  it("puts a dot on both points, in the scale of each photo", async () => {
    const [a, b] = [plain(100, 56, [90, 90, 90, 255]), plain(1120, 560, [90, 90, 90, 255])];
    const drawing = await drawMatches(a, b, [{ a: [50, 14], b: [280, 420] }]);
    expect({ width: drawing.width, height: drawing.height }).toEqual({ width: 1000 + 14 + 1120, height: 560 });
    const [left, right] = [pixel(drawing, 500, 140), pixel(drawing, 1014 + 280, 420)];
    expect(left).toEqual(right);
    expect(luma(left)).toBeGreaterThan(120);
    expect(pixel(drawing, 200, 500)).toEqual([90, 90, 90, 255]);
  });
});
