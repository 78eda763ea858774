// attentionMaps against the arithmetic of DINO's visualize_attention.py in NumPy, and what it refuses.
import { expect, it } from "vitest";
import { attentionMaps } from "../../src/features/attentionMaps.ts";
import { featureGoldens } from "./features.ts";

const golden = await featureGoldens();
const features = { attention: golden("attention.weights"), grid: [6, 7] as const };

it("gives one map a head, with the size of the grid", () => {
  const maps = attentionMaps(features);
  expect(maps.map(({ width, height, mask }) => [width, height, mask])).toEqual(Array(3).fill([7, 6, undefined]));
  expect(maps.flatMap(({ data }) => [...data])).toEqual([...features.attention.data]);
});

it.each([0.3, 0.6, 0.95])("masks the patches that hold %f of the attention", (mass) => {
  const masks = attentionMaps(features, { mass }).flatMap(({ mask }) => [...(mask ?? [])]);
  expect(masks).toEqual([...golden(`attention.mask.${mass}`).data]);
});

it("keeps every patch that is looked at for all of the mass", () => {
  const attention = { data: Float32Array.of(0, 0.5, 0.25, 0), shape: [1, 1, 4] };
  expect(attentionMaps({ attention, grid: [2, 2] }, { mass: 1 })[0]?.mask).toEqual(Uint8Array.of(0, 1, 1, 0));
});

it.each([
  ["features without attention", { grid: [6, 7] as const }, {}, /no attention: encodeImage/],
  ["a mass of 0", features, { mass: 0 }, /mass is 0, expected more than 0/],
  ["a mass above 1", features, { mass: 60 }, /mass is 60/],
  ["another grid", { ...features, grid: [6, 6] as const }, {}, /one picture, got \[1, 3, 42\] on a grid of 6 x 6/],
  [
    "NaN",
    { attention: { data: Float32Array.of(0.1, Number.NaN), shape: [1, 1, 2] }, grid: [1, 2] as const },
    {},
    /NaN at row 0, channel 1/,
  ],
])("refuses %s", (_, given, options, message) => {
  expect(() => attentionMaps(given, options)).toThrow(message);
  expect(() => attentionMaps(given, options)).toThrow(expect.objectContaining({ name: "ArgumentError" }));
});
