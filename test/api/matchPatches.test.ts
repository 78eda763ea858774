// matchPatches against NumPy, its options, and what it refuses.
import { expect, it } from "vitest";
import { matchPatches } from "../../src/features/matchPatches.ts";
import { array, featureGoldens, largestDifference, patchesOf } from "./features.ts";

const golden = await featureGoldens();
const a = patchesOf(golden("match.a"), 5, 6);
const b = patchesOf(golden("match.b"), 7, 5);
const { data } = golden("match.pairs");
const expected = Array.from({ length: data.length / 3 }, (_, i) => [...data.subarray(i * 3, i * 3 + 3)]);
const flat = (matches: ReturnType<typeof matchPatches>) =>
  matches.map(({ a: [i, j], b: [k, l] }) => [i * 6 + j, k * 5 + l]);

it("finds the mutual nearest neighbours, best first", () => {
  const matches = matchPatches(a, b);
  expect(flat(matches)).toEqual(expected.map(([i, j]) => [i, j]));
  const similarities = matches.map(({ similarity }) => similarity);
  expect(
    largestDifference(
      similarities,
      expected.map((pair) => pair[2] as number),
    ),
  ).toBeLessThan(1e-6);
});

it("drops what is less similar than asked", () => {
  const most = expected[9]?.[2] as number;
  expect(flat(matchPatches(a, b, { minSimilarity: most - 1e-6 }))).toEqual(
    expected.slice(0, 10).map(([i, j]) => [i, j]),
  );
});

it("gives every patch of a its nearest when the match need not be mutual", () => {
  const all = matchPatches(a, b, { mutual: false });
  expect(all.length).toBe(30);
  expect(flat(all)).toEqual(expect.arrayContaining(expected.map(([i, j]) => [i, j])));
});

it("matches the patches of a mask alone", () => {
  const mask = Uint8Array.from({ length: 30 }, (_, i) => i % 2);
  const matches = flat(matchPatches(a, b, { mask }));
  expect(matches.length).toBeGreaterThan(5);
  expect(matches.every(([i]) => (i as number) % 2 === 1)).toBe(true);
  expect(matchPatches(a, b, { mask: new Uint8Array(30) })).toEqual([]);
});

it("matches a picture with itself, patch by patch", () => {
  const matches = matchPatches(a, a);
  expect(matches.map(({ b }) => b)).toEqual(matches.map(({ a }) => a));
  expect(matches.length).toBe(30);
  for (const { similarity } of matches) expect(similarity).toBeCloseTo(1, 6);
});

it.each([
  ["channels of another model", a, patchesOf(golden("pca.a"), 9, 8), {}, /24 channels, expected 20/],
  ["a mask of another size", a, b, { mask: new Uint8Array(35) }, /mask has 35 elements, expected 30/],
  ["a similarity that is no cosine", a, b, { minSimilarity: 70 }, /minSimilarity is 70/],
  ["another grid", patchesOf(a.patches, 5, 5), b, {}, /on a grid of 5 x 5/],
  ["NaN", a, patchesOf(array([[...Array(19).fill(1), Number.NaN]], [1]), 1, 1), {}, /NaN at row 0, channel 19/],
])("refuses %s", (_, left, right, options, message) => {
  expect(() => matchPatches(left, right, options)).toThrow(message);
  expect(() => matchPatches(left, right, options)).toThrow(expect.objectContaining({ name: "ArgumentError" }));
});
