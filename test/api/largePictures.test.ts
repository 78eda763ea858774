// Pictures beyond what a device binds at once, and lines of pixels: bands give the bits of the whole, and the sizes
// that the limits of sides allow are run.
import { describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { dispatch } from "../../src/kernels/dispatch.ts";
import { type ResizeAxis, resize, resizeCoefficients, resizeOrder } from "../../src/kernels/resize.ts";
import { uploadInBands } from "../../src/models/preprocess/bands.ts";
import type { Preprocessing } from "../../src/models/preprocess/recipe.ts";
import { testDevice } from "../adapters.ts";

const RECIPE: Preprocessing = { resample: "bicubic", rescale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] };

function noise(width: number, height: number) {
  const data = new Uint8Array(width * height * 4);
  for (let i = 0, state = 1; i < data.length; i++) {
    state = (state * 48271) % 2147483647;
    data[i] = state;
  }
  return { width, height, data };
}

describe("bands of a picture", () => {
  it.each<[string, number, number, Preprocessing["resize"], ResizeAxis, number]>([
    ["horizontal first", 211, 97, [60, 60], "horizontal", 211 * 4 * 10],
    ["vertical first", 97, 211, [60, 60], "vertical", 97 * 4 * 30],
    ["less than the taps of one row", 97, 411, [20, 90], "vertical", 97 * 4],
    ["one axis alone", 64, 333, [50, 64], "vertical", 64 * 4 * 40],
    ["the shortest edge", 120, 90, 33, "horizontal", 120 * 4 * 7],
  ])("%s: the bits of the whole", async (_, width, height, wanted, axis, bandBytes) => {
    const device = await testDevice();
    const picture = noise(width, height);
    const recipe = { ...RECIPE, resize: wanted } as Preprocessing;
    const uploaded = await uploadInBands(device, picture, recipe, bandBytes);
    if (!uploaded) throw new Error("no bands");
    const [h, w] = (uploaded.recipe as Preprocessing).resize as readonly [number, number];
    expect(resizeOrder(picture, { width: w, height: h })[0]).toBe(axis);
    const [from, to] = axis === "horizontal" ? [width, w] : [height, h];
    const { starts, weights, taps } = resizeCoefficients(from, to, "bicubic");
    const inputs = {
      image: device.upload({ dtype: "u32", shape: [height, width] }, picture.data),
      starts: device.upload({ dtype: "i32", shape: [to] }, starts),
      weights: device.upload({ dtype: "i32", shape: [to, taps] }, weights),
    };
    const whole = await dispatch(device, resize, inputs, { axis });
    expect([uploaded.height, uploaded.width]).toEqual(whole.shape);
    const spec = { dtype: "u32", shape: whole.shape } as const;
    const got = new Uint8Array(await device.read({ ...spec, buffer: uploaded.buffer }));
    expect(Buffer.from(got).equals(Buffer.from(await device.read(whole)))).toBe(true);
    for (const { buffer } of [...Object.values(inputs), whole, uploaded]) device.free(buffer);
  });

  it("begin with the width where the recipe does", async () => {
    const device = await testDevice();
    const recipe = { ...RECIPE, resize: [60, 50], widthFirst: true } as const;
    const uploaded = await uploadInBands(device, noise(97, 211), recipe, 97 * 4 * 30);
    expect(uploaded).toMatchObject({ width: 50, height: 211, rowLength: 50 });
    if (uploaded) device.free(uploaded.buffer);
  });

  it("are none of where no resize comes first", async () => {
    const device = await testDevice();
    expect(await uploadInBands(device, noise(8, 8), { ...RECIPE, resize: [8, 8] })).toBeUndefined();
    expect(await uploadInBands(device, noise(8, 8), { ...RECIPE, resize: [4, 4], resizeFloats: true })).toBeUndefined();
  });
});

/** Any size of one colour is resized to that colour. */
function plain(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 4);
  new Uint32Array(data.buffer).fill(0xff28_50c8);
  return { width, height, channels: 4, data };
}

describe("a picture of 48 megapixels and lines of 16,384 pixels", () => {
  it.each([
    [8000, 6000],
    [6000, 8000],
    [16384, 1],
    [1, 16384],
  ])("%d x %d", async (width, height) => {
    using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await testDevice() });
    const { data } = await clip.encodeImage(plain(width, height));
    expect(data).toEqual((await clip.encodeImage(plain(64, 64))).data);
  });
});

it.each(["nearest", "bilinear", "bicubic"] as const)("coefficients of a range are those of the whole: %s", (filter) => {
  for (const [from, to, range] of [
    [640, 224, [50, 174]],
    [37, 4000, [1888, 2112]],
    [500, 41, [0, 41]],
  ] as const) {
    const part = resizeCoefficients(from, to, filter, range);
    const whole = resizeCoefficients(from, to, filter);
    const row = ({ starts, weights, taps }: typeof whole, i: number) => {
      const pixels = new Map<number, number>();
      for (let t = 0; t < taps; t++) {
        if (weights[i * taps + t]) pixels.set((starts[i] as number) + t, weights[i * taps + t] as number);
      }
      return [...pixels];
    };
    expect(part.starts.length).toBe(range[1] - range[0]);
    for (let i = range[0]; i < range[1]; i++) expect(row(part, i - range[0])).toEqual(row(whole, i));
  }
});
