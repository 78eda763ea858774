// Pictures with a palette: what a decoder finds in them is what went in, and each pixel is of the object with the
// highest logit.
import sharp from "sharp";
import { expect, it } from "vitest";
import { objectNumbers, palettePng } from "../../src/cli/draw/palette.ts";

it.each([
  [1, 1],
  [7, 3],
  [256, 2],
])("a PNG of %i x %i has a byte a pixel and DAVIS's colours", async (width, height) => {
  const numbers = Uint8Array.from({ length: width * height }, (_, i) => (i * 37) % 256);
  const png = await palettePng(numbers, { width, height });
  expect(await sharp(png).metadata()).toMatchObject({
    format: "png",
    width,
    height,
    isPalette: true,
    bitsPerSample: 8,
  });
  const rgb = await sharp(png).removeAlpha().raw().toBuffer();
  for (const [i, number] of numbers.entries()) {
    expect([...rgb.subarray(3 * i, 3 * i + 3)], `number ${number}`).toEqual(davis(number));
  }
});

/** DAVIS's colours are made of the bits of a number, as PASCAL VOC's but for 191; from 22 on they are greys. */
function davis(number: number): number[] {
  if (number > 21) return [number, number, number];
  return [0, 1, 2].map((channel) => {
    const high = ((number >> channel) & 1) * 128;
    const low = ((number >> (channel + 3)) & 1) * 64;
    return high + low === 192 ? 191 : high + low;
  });
}

const SIZE = { width: 3, height: 1 };
const mask = (...pixels: number[]) => Uint8Array.from(pixels);

it("numbers objects by their places, and the later one has what several have without logits", () => {
  expect(objectNumbers([], SIZE)).toEqual(mask(0, 0, 0));
  const masks = [{ mask: mask(1, 1, 0) }, { mask: mask(0, 1, 0) }, { mask: mask(0, 0, 1) }];
  expect(objectNumbers(masks, SIZE)).toEqual(mask(1, 2, 3));
});

it("gives a pixel to the highest logit between those of the model, as PyTorch's interpolate finds it", () => {
  // Rows of two logits over a frame of 7 x 2: at pixel x the place between them is (x + 0.5) * 2 / 7 - 0.5.
  const all = new Uint8Array(14).fill(1);
  const rising = { mask: all, lowResLogits: Float32Array.of(1, 5, 1, 5) };
  const falling = { mask: all, lowResLogits: Float32Array.of(4, 0, 4, 0) };
  const expected = Array.from({ length: 14 }, (_, i) => {
    const u = Math.min(1, Math.max(0, (((i % 7) + 0.5) * 2) / 7 - 0.5));
    return 1 + 4 * u >= 4 - 4 * u ? 1 : 2;
  });
  expect(expected.slice(0, 7)).toEqual([2, 2, 2, 1, 1, 1, 1]);
  expect([...objectNumbers([rising, falling], { width: 7, height: 2 })]).toEqual(expected);
  expect([...objectNumbers([falling, rising], { width: 7, height: 2 })]).toEqual(expected.map((n) => 3 - n));
});
