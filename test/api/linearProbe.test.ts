// LinearProbe against scikit-learn's LogisticRegression; saving and loading; and that nothing stays on the GPU.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { best } from "../../src/features/classLabels.ts";
import { LinearProbe } from "../../src/features/linearProbe.ts";
import { writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { array, featureGoldens, largestDifference } from "./features.ts";

const golden = await featureGoldens();
const train = golden("classify.train");
const test = golden("classify.test");
const labels = Array.from(golden("classify.labels").data, (label) => `class ${label}`);
let device: Device;
let probe: LinearProbe;
beforeAll(async () => {
  device = await testDevice();
  probe = await LinearProbe.fit(train, labels, { device });
});

/** Training rows of the first classes. */
function some(classes: number): [NdArray, string[]] {
  const rows = Array.from(labels.keys()).filter((i) => (golden("classify.labels").data[i] as number) < classes);
  const picked = rows.map((row) => [...train.data.subarray(row * 18, row * 18 + 18)]);
  return [array(picked), rows.map((row) => labels[row] as string)];
}

function expectSame(fitted: LinearProbe, features: NdArray, expected: NdArray, difference = 1e-3): void {
  expect(largestDifference(fitted.predictProba(features).data, expected.data)).toBeLessThan(difference);
  expect(fitted.predict(features)).toEqual(best(expected, fitted.classes));
}

describe("fits what scikit-learn fits", () => {
  it.each([
    [2, 0.1],
    [2, 1],
    [2, 100],
    [4, 0.1],
    [4, 1],
    [4, 100],
  ])("%i classes, C = %f", async (classes, C) => {
    const [features, names] = some(classes);
    expectSame(await LinearProbe.fit(features, names, { C, device }), test, golden(`classify.probe.${classes}.${C}`));
  });

  it("on features that are not centred and of many scales", async () => {
    const fitted = await LinearProbe.fit(golden("classify.skewed.train"), labels, { device });
    expectSame(fitted, golden("classify.skewed.test"), golden("classify.skewed.probe"));
    // Its default tolerance stops scikit-learn a little earlier.
    expectSame(fitted, golden("classify.skewed.test"), golden("classify.skewed.default"), 2e-3);
  });
});

it("ends at the noise of f32 when asked for more than that", async () => {
  const seen: number[] = [];
  const onProgress = ({ gradient }: { gradient: number }) => seen.push(gradient);
  const fitted = await LinearProbe.fit(train, labels, { tolerance: 0, device, onProgress });
  expect(seen.length).toBeLessThan(500);
  expect(Math.min(...seen)).toBeLessThan(1e-5);
  expectSame(fitted, test, golden("classify.probe.4.1"), 1e-4);
});

it("gives the same probe every time, on a device of its own too", async () => {
  const before = device.memory.bytes;
  const again = await LinearProbe.fit(train, labels, { device });
  expect(again).toEqual(probe);
  expect(device.memory.bytes).toBe(before);
  expect(await LinearProbe.fit(train, labels)).toEqual(probe);
});

it("is saved and loaded", async () => {
  const loaded = await LinearProbe.load(probe.save());
  expect(loaded).toEqual(probe);
  expect(loaded.classes).toEqual(["class 0", "class 1", "class 2", "class 3"]);
  expect(loaded.predictProba(test)).toEqual(probe.predictProba(test));
});

describe("does not load", () => {
  const tensor = (shape: number[]) =>
    ({ dtype: "F32", shape, data: new Float32Array(shape.reduce((a, b) => a * b)) }) as const;
  const classes = JSON.stringify(["a", "b"]);
  it.each([
    ["a checkpoint of something else", { weight: tensor([2, 3]) }, undefined, /no linear probe: its metadata has no/],
    ["classes that are no list", { coef: tensor([2, 3]), intercept: tensor([2]) }, { classes: "{" }, /list of labels/],
    ["a probe without intercept", { coef: tensor([2, 3]) }, { classes }, /no F32 tensor "intercept"/],
    [
      "a probe of other sizes",
      { coef: tensor([3, 3]), intercept: tensor([2]) },
      { classes },
      /2 classes, but coef \[3/,
    ],
  ])("%s", async (_, tensors, metadata, message) => {
    const loading = LinearProbe.load(writeSafetensors(tensors, metadata));
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ name: "InvalidFileError" });
  });
});

describe("refuses, and leaves nothing on the GPU", () => {
  let before: number;
  beforeAll(() => {
    before = device.memory.bytes;
  });
  afterAll(() => expect(device.memory.bytes).toBe(before));

  it.each([
    ["labels of another number", train, labels.slice(1), {}, /60 features came with 59 labels/],
    ["a single class", train, labels.map(() => "cat"), {}, /all labels are "cat"/],
    ["a negative C", train, labels, { C: -1 }, /C is -1, expected a positive number/],
    ["no iterations", train, labels, { maxIterations: 0 }, /maxIterations is 0/],
    ["NaN", array([[Number.NaN], [0]]), ["a", "b"], {}, /NaN at row 0, channel 0/],
  ])("%s", async (_, features, given, options, message) => {
    const fitting = LinearProbe.fit(features, given, { ...options, device });
    await expect(fitting).rejects.toThrow(message);
    await expect(fitting).rejects.toMatchObject({ name: "ArgumentError" });
  });

  it("an aborted call, at once or while training", async () => {
    const aborted = AbortSignal.abort(new Error("no"));
    await expect(LinearProbe.fit(train, labels, { device, signal: aborted })).rejects.toThrow("no");
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const fitting = LinearProbe.fit(train, labels, { device, onProgress, signal: controller.signal });
    await expect(fitting).rejects.toThrow("enough");
    expect(device.memory.bytes).toBe(before);
  });
});
