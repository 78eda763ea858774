// Prompts as they are written on the command line, and masks as they are drawn.
import { describe, expect, it } from "vitest";
import { drawMask, drawMasks } from "../../src/cli/draw/drawMasks.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { checkInside, collectBox, collectPoint, maskLogits } from "../../src/cli/prompts.ts";
import type { RgbaImage } from "../../src/io/image/image.ts";
import { type Box, encodeRle, type Mask } from "../../src/masks/rle.ts";

function grey(width: number, height: number, valueAt: (x: number, y: number) => number): RgbaImage {
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) data.fill(valueAt(i % width, Math.floor(i / width)), i * 4, i * 4 + 3);
  return { width, height, data };
}

function rectangle(width: number, height: number, [x0, y0, x1, y1]: Box): Mask {
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Number(x >= x0 && x < x1 && y >= y0 && y < y1);
  });
  return { width, height, data };
}

const pixel = ({ width, data }: RgbaImage, x: number, y: number) =>
  Array.from(data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)) as [number, number, number];

describe("--point", () => {
  it("is inside the object unless it ends in 0, and may be repeated", () => {
    const points = ["420,310", "1.5, 2,0", "3,4,1"].reduce<ReturnType<typeof collectPoint> | undefined>(
      (before, text) => collectPoint(text, before),
      undefined,
    );
    expect(points).toEqual([
      { x: 420, y: 310, label: 1 },
      { x: 1.5, y: 2, label: 0 },
      { x: 3, y: 4, label: 1 },
    ]);
  });

  it.each(["", "4", "4,", ",4", "1,2,3", "1,2,1,1", "a,b", "1,2,", "Infinity,1"])("%j is none", (text) => {
    expect(() => collectPoint(text)).toThrow(/Expected x,y as in 420,310/);
  });
});

describe("--box", () => {
  it("is left, top, right, bottom", () => {
    const boxes = collectBox("5,6,7,8", collectBox("75,275,1725,850.5"));
    expect(boxes, "each that is given").toEqual([
      [75, 275, 1725, 850.5],
      [5, 6, 7, 8],
    ]);
  });

  it.each(["1,2,3", "1,2,3,4,5", "1,2,3,x", ""])("%j is none", (text) => {
    expect(() => collectBox(text)).toThrow(/Expected the corners/);
  });

  it.each(["5,1,5,2", "5,1,4,2", "1,3,2,2"])("%j has no inside", (text) => {
    expect(() => collectBox(text)).toThrow(/x0 < x1 and y0 < y1/);
  });
});

describe("prompts beyond the picture", () => {
  const picture = grey(30, 20, () => 0);
  it("are refused, those on its border are not", () => {
    const inside = [{ x: 30, y: 0, label: 1 as const }];
    expect(() => checkInside(inside, [[0, 0, 30, 20]], picture)).not.toThrow();
    expect(() => checkInside([...inside, { x: 31, y: 0, label: 0 }], [], picture)).toThrow(UsageError);
    expect(() => checkInside([], [[-1, 0, 30, 20]], picture)).toThrow(/--box -1,0,30,20 lies outside .* 30 x 20/);
    expect(() =>
      checkInside(
        [],
        [
          [0, 0, 30, 20],
          [0, 0, 30, 21],
        ],
        picture,
      ),
    ).toThrow(UsageError);
  });
});

describe("--mask", () => {
  it("becomes logits: sure inside where it is white, outside where it is black and beyond the picture", async () => {
    const mask = grey(80, 40, (x) => (x < 40 ? 255 : 0));
    const logits = await maskLogits(mask, mask, 16);
    const at = (x: number, y: number) => logits[y * 16 + x] as number;
    expect(logits.length).toBe(256);
    expect([at(0, 0), at(6, 7), at(9, 0), at(15, 7)]).toEqual([10, 10, -10, -10]);
    expect([at(0, 8), at(6, 15)]).toEqual([-10, -10]);
    const half = grey(16, 16, () => 128);
    expect((await maskLogits(half, half, 16))[0]).toBeCloseTo(0, 1);
  });

  it("must have the picture's size", async () => {
    const [mask, photo] = [grey(8, 8, () => 0), grey(9, 8, () => 0)];
    await expect(maskLogits(mask, photo, 16)).rejects.toThrow(/--mask has 8 x 8 pixels, the picture 9 x 8/);
  });
});

describe("a mask over its photo", () => {
  const photo = grey(120, 90, () => 160);
  const mask = rectangle(120, 90, [30, 20, 90, 70]);

  it("is light, and the rest dark", async () => {
    const drawn = await drawMask(photo, mask);
    expect([drawn.width, drawn.height]).toEqual([120, 90]);
    const [inside, outside] = [pixel(drawn, 60, 45), pixel(drawn, 5, 5)];
    expect(Math.max(...outside)).toBeLessThan(90);
    expect(Math.min(...inside)).toBeGreaterThan(130);
    expect(pixel(drawn, 110, 80)).toEqual(outside);
  });

  it("has its prompts: green inside, red outside, a white box", async () => {
    const points = [
      { x: 60, y: 45, label: 1 as const },
      { x: 10, y: 10, label: 0 as const },
    ];
    const drawn = await drawMask(photo, mask, { points, box: [25, 80, 95, 85] });
    const [green, red] = [pixel(drawn, 60, 45), pixel(drawn, 10, 10)];
    expect(green[1]).toBeGreaterThan(green[0] + 80);
    expect(red[0]).toBeGreaterThan(red[1] + 80);
    const white = Array.from({ length: 70 }, (_, i) => Math.min(...pixel(drawn, 25 + i, 80)));
    expect(Math.max(...white)).toBeGreaterThan(150);
  });

  it("that is empty leaves the photo dark everywhere", async () => {
    const drawn = await drawMask(photo, rectangle(120, 90, [0, 0, 0, 0]));
    expect(pixel(drawn, 60, 45)).toEqual(pixel(drawn, 5, 5));
  });

  it("is drawn strip by strip without a seam, and masks after each other", async () => {
    const [width, height] = [110, 200];
    const large = grey(width, height, () => 160);
    const masks = Array.from({ length: 3 }, (_, i) => rectangle(width, height, [5 + i, 5 + i, 105, 195]));
    await drawMasks(large, masks.map(encodeRle), { stripPixels: width * 30 }); // seven strips
    const inside = new Set(Array.from({ length: 170 }, (_, i) => pixel(large, 60, 15 + i).join()));
    expect(inside.size).toBe(1);
    expect(pixel(large, 1, 100)).toEqual(pixel(large, 1, 1));
    expect(inside).not.toContain(pixel(large, 1, 100).join());
  });

  it("among others has a colour of its own, the smaller one on top", async () => {
    const large = rectangle(120, 90, [10, 10, 110, 80]);
    const drawn = async (masks: readonly Mask[]) => {
      const copy = { ...photo, data: photo.data.slice() };
      await drawMasks(copy, masks.map(encodeRle));
      return copy;
    };
    const alone = await drawn([large]);
    for (const order of [
      [large, mask],
      [mask, large],
    ]) {
      const both = await drawn(order);
      expect(pixel(both, 20, 45)).toEqual(pixel(alone, 20, 45));
      expect(pixel(both, 60, 45)).not.toEqual(pixel(alone, 60, 45));
      expect(new Set(pixel(both, 60, 45)).size, "a colour, not a grey").toBeGreaterThan(1);
    }
  });
});
