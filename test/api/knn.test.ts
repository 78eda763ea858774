// KnnClassifier against scikit-learn and DINO's own arithmetic, and what it refuses.
import { describe, expect, it } from "vitest";
import { KnnClassifier } from "../../src/features/knn.ts";
import { array, featureGoldens, largestDifference } from "./features.ts";

const golden = await featureGoldens();
const train = golden("classify.train");
const test = golden("classify.test");
const labels = Array.from(golden("classify.labels").data, (label) => `class ${label}`);

describe.each([1, 5, 20, 1000])("k = %i", (k) => {
  const knn = new KnnClassifier(train, labels, { k });

  it.each(["sklearn", "dino"])("gives the shares of votes of %s, and its predictions", (whose) => {
    const expected = golden(`classify.knn.${k}.${whose}`);
    const found = knn.predictProba(test);
    expect(found.shape).toEqual([40, 4]);
    expect(largestDifference(found.data, expected.data)).toBeLessThan(1e-5);
    const best = Array.from({ length: 40 }, (_, row) => {
      const votes = [...expected.data.subarray(row * 4, row * 4 + 4)];
      return `class ${votes.indexOf(Math.max(...votes))}`;
    });
    expect(knn.predict(test)).toEqual(best);
  });
});

it("takes 20 neighbours and 0.07 when nothing is said", () => {
  expect(new KnnClassifier(train, labels).predictProba(test)).toEqual(
    new KnnClassifier(train, labels, { k: 20, temperature: 0.07 }).predictProba(test),
  );
});

it("keeps its classes in order and takes one vector", () => {
  const knn = new KnnClassifier(
    array([
      [1, 0],
      [0, 1],
      [1, 0.1],
    ]),
    ["dog", "cat", "dog"],
    { temperature: 0.001 },
  );
  expect(knn.classes).toEqual(["cat", "dog"]);
  expect(knn.predict({ data: Float32Array.of(100, 1), shape: [2] })).toEqual(["dog"]);
  expect([...knn.predictProba(array([[0, 3]])).data]).toEqual([1, 0]);
});

it.each([
  ["no features", { data: new Float32Array(0), shape: [0, 18] }, [], {}, /N and C from 1, got \[0, 18\]/],
  ["labels of another number", train, labels.slice(1), {}, /60 features came with 59 labels/],
  ["a single class", train, labels.map(() => "cat"), {}, /all labels are "cat", expected at least two/],
  ["labels that are no strings", train, labels.map((_, i) => i), {}, /label 0 is no string/],
  ["k of 0", train, labels, { k: 0 }, /k is 0, expected a whole number from 1/],
  ["a negative temperature", train, labels, { temperature: -1 }, /temperature is -1/],
  [
    "NaN",
    array([
      [1, Number.NaN],
      [0, 1],
    ]),
    ["a", "b"],
    {},
    /NaN at row 0, channel 1/,
  ],
  ["a map of features", { data: train.data, shape: [2, 30, 18] }, labels, {}, /must be \[N, C\]/],
])("refuses %s", (_, features, given, options, message) => {
  expect(() => new KnnClassifier(features, given as string[], options)).toThrow(message);
  expect(() => new KnnClassifier(features, given as string[], options)).toThrow(
    expect.objectContaining({ name: "ArgumentError" }),
  );
});

it("refuses to vote about features of another model", () => {
  expect(() => new KnnClassifier(train, labels).predict(array([[1, 2]]))).toThrow(/2 channels, expected 18/);
});
