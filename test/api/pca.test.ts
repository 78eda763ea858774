// pca against NumPy's SVD with scikit-learn's signs; colours that hold across pictures; degenerate and wrong input.
import { describe, expect, it } from "vitest";
import { type PcaBasis, pca } from "../../src/features/pca.ts";
import { array, featureGoldens, largestDifference, patchesOf } from "./features.ts";

const golden = await featureGoldens();
const a = patchesOf(golden("pca.a"), 9, 8);
const b = patchesOf(golden("pca.b"), 7, 11);

describe.each(["none", "high", "low"] as const)("foreground %s", (foreground) => {
  const { pictures, basis } = pca([a, b], { foreground });

  it("has NumPy's components, signs included", () => {
    expect(largestDifference(basis.components.flat(), golden(`pca.${foreground}.components`).data)).toBeLessThan(1e-6);
  });

  it("has the same foreground, and colours within a rounding", () => {
    expect(pictures.flatMap((picture) => [...picture.foreground])).toEqual([
      ...golden(`pca.${foreground}.foreground`).data,
    ]);
    const rgb = pictures.flatMap((picture) => [...picture.rgb]);
    expect(largestDifference(rgb, golden(`pca.${foreground}.rgb`).data)).toBeLessThan(0.51);
  });

  it("paints alike with its basis, also from JSON", () => {
    const stored: PcaBasis = JSON.parse(JSON.stringify(basis));
    expect(pca(b, { basis: stored }).pictures[0]).toEqual(pictures[1]);
  });
});

it("says the size of each picture", () => {
  expect(pca([a, b]).pictures.map(({ width, height, rgb }) => [width, height, rgb.length])).toEqual([
    [8, 9, 216],
    [11, 7, 231],
  ]);
});

it("takes fewer patches than colours, and patches that are all alike", () => {
  const two = patchesOf(
    array(
      [
        [1, 2],
        [3, 5],
      ],
      [1],
    ),
    1,
    2,
  );
  expect(pca(two).pictures[0]?.rgb).toEqual(Uint8Array.of(0, 0, 0, 255, 0, 0));
  const alike = patchesOf(array(Array(6).fill([1, 2, 3]), [1]), 2, 3);
  expect(pca(alike).pictures[0]?.rgb).toEqual(new Uint8Array(18));
  expect(() => pca(alike, { foreground: "high" })).toThrow(/all alike/);
});

it.each([
  ["an empty list", [], {}, /empty list/],
  ["features of another model", [a, patchesOf(golden("match.a"), 5, 6)], {}, /20 channels, expected 24/],
  ["several pictures in one", patchesOf({ ...a.patches, shape: [2, 36, 24] }, 6, 6), {}, /of one picture, got \[2, 36/],
  ["a threshold out of range", a, { foreground: "high", threshold: 1 }, /threshold is 1/],
  ["a side that is none", a, { foreground: "left" }, /foreground is "left"/],
  ["a basis of other features", patchesOf(golden("match.a"), 5, 6), { basis: pca(a).basis }, /with 20 channels/],
  ["a basis with a side", a, { basis: pca(a).basis, foreground: "low" }, /basis brings its foreground/],
  ["NaN", patchesOf(array([[1], [Number.NaN]], [1]), 1, 2), {}, /NaN at row 1, channel 0/],
])("refuses %s", (_, features, options, message) => {
  expect(() => pca(features as typeof a, options as object)).toThrow(message);
  expect(() => pca(features as typeof a, options as object)).toThrow(
    expect.objectContaining({ name: "ArgumentError" }),
  );
});
