// propagateMask where the features are on the GPU: as on the host, to 1e-5; and what it leaves there.
import { describe, expect, it } from "vitest";
import { GpuTensor } from "../../src/device/gpuTensor.ts";
import { fromHalfArray, toHalfArray } from "../../src/device/half.ts";
import type { PatchFeatures } from "../../src/features/featureRows.ts";
import { LabelPropagation } from "../../src/features/labelPropagation.ts";
import type { GpuPatchFeatures, PropagateOptions } from "../../src/features/labelSource.ts";
import { propagateMask } from "../../src/features/propagateMask.ts";
import { testDevice } from "../adapters.ts";
import { featureGoldens, largestDifference, videoOf } from "./features.ts";

const { frames, mask } = videoOf(await featureGoldens());

async function onGpu({ patches: host, grid }: PatchFeatures, dtype: "f32" | "f16" = "f32"): Promise<GpuPatchFeatures> {
  const device = await testDevice();
  const tensor = new GpuTensor(device, { dtype, shape: host.shape }, "patches", fromHalfArray);
  device.write(tensor, dtype === "f16" ? toHalfArray(host.data) : host.data);
  return { patches: tensor, grid };
}

async function* kept(from: readonly PatchFeatures[], dtype?: "f32" | "f16"): AsyncGenerator<GpuPatchFeatures> {
  for (const frame of from) {
    const features = await onGpu(frame, dtype);
    try {
      yield features;
    } finally {
      features.patches.dispose();
    }
  }
}

async function all(from: Parameters<typeof propagateMask>[0], options: PropagateOptions = {}) {
  const masks = [];
  for await (const one of propagateMask(from, mask, options)) masks.push(one);
  return masks;
}

describe.each([
  ["near", { lastFrames: 3, neighbourhood: 2 }],
  ["far", { neighbourhood: 0, topk: 4 }],
  ["as published", {}],
  ["the first frame alone", { lastFrames: 0, neighbourhood: 3, topk: 1 }],
  ["more than there are", { neighbourhood: 1, topk: 200, temperature: 0.01 }],
])("%s", (_, options) => {
  it("gives the host's shares to 1e-5 and its labels, and leaves nothing on the GPU", async () => {
    const device = await testDevice();
    const before = device.memory.buffers;
    const [host, gpu] = [await all(frames, options), await all(kept(frames), options)];
    expect(gpu.length).toBe(host.length);
    const shares = (masks: typeof host) => masks.flatMap(({ probabilities }) => [...probabilities.data]);
    const difference = largestDifference(shares(gpu), Float32Array.from(shares(host)));
    console.log(`largest difference to the host: ${difference.toExponential(1)}`);
    expect(difference).toBeLessThanOrEqual(1e-5);
    // Pixels at which two labels have the same stretched share, but for rounding.
    const differing = gpu.flatMap((one, i) => [...one.data].filter((label, at) => label !== host[i]?.data[at]));
    expect(differing.length / (gpu.length * mask.data.length)).toBeLessThan(1e-3);
    await device.done();
    expect(device.memory.buffers).toBe(before);
  });
});

it("takes features in f16", async (context) => {
  if (!(await testDevice()).hasF16) return context.skip("this adapter has no shader-f16");
  const rounded = frames.map(({ patches: host, grid }) => {
    return { patches: { data: fromHalfArray(toHalfArray(host.data)), shape: host.shape }, grid };
  });
  const [host, gpu] = [await all(rounded), await all(kept(frames, "f16"))];
  const differing = gpu.flatMap((one, i) => [...one.data].filter((label, at) => label !== host[i]?.data[at]));
  expect(differing.length / (gpu.length * mask.data.length)).toBeLessThan(0.01); // unit rows are rounded once more
});

it("goes through a map in parts where the similarities of all would take much", async () => {
  const settings = { lastFrames: 7, neighbourhood: 3, topk: 5, temperature: 0.1 };
  const patches = 8 * 10;
  const labels = Float32Array.from({ length: 2 * patches }, (_, i) => Number((i % 3 === 0) === i < patches));
  const results: Float32Array[] = [];
  for (const mostBytes of [undefined, 3 * 4 * 10 * 49]) {
    // three of the eight rows of a map of 10 columns, or one
    const [first, second, third] = await Promise.all(frames.slice(0, 3).map((frame) => onGpu(frame)));
    if (!first || !second || !third) throw new RangeError("no frames");
    const propagation = new LabelPropagation(first.patches, [8, 10], 2, settings, mostBytes);
    await propagation.begin(first.patches, labels);
    await propagation.next(second.patches);
    results.push(await propagation.next(third.patches));
    for (const { patches: tensor } of [first, second, third]) tensor.dispose();
    propagation.dispose();
  }
  expect(results[1]).toEqual(results[0]);
});

it("refuses features of two places, and NaN", async () => {
  const [first, second] = [await onGpu(frames[0] as PatchFeatures), frames[1] as PatchFeatures];
  await expect(all([first, second])).rejects.toThrow(/features lie in several places/);
  await expect(all([second, first])).rejects.toThrow(/features lie in several places/);
  const broken = { ...second, patches: { ...second.patches, data: second.patches.data.slice().fill(Number.NaN) } };
  await expect(all(kept([second, broken]))).rejects.toThrow(/features hold NaN/);
  first.patches.dispose();
});
