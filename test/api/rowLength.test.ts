// Preprocessing of pictures whose rows are longer than they are wide, as those from a texture: the same numbers as
// without, whatever lies beyond, for recipes of every kind.
import { describe, expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { WeightStore } from "../../src/graph/store.ts";
import { preprocess } from "../../src/models/preprocess/preprocess.ts";
import type { Preprocessing } from "../../src/models/preprocess/recipe.ts";
import { testDevice } from "../adapters.ts";

const VALUES = { rescale: 1 / 255, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] } as const;

const RECIPES: Record<string, Preprocessing> = {
  "shortest edge and crop": { ...VALUES, resize: 32, resample: "bicubic", crop: [32, 32] },
  "a crop larger than the picture": { ...VALUES, resample: "bicubic", crop: [80, 80] },
  "exact size": { ...VALUES, resize: [24, 40], resample: "bilinear" },
  "the width as it is": { ...VALUES, resize: [20, 50], resample: "bicubic" },
  "resize and pad": { ...VALUES, resize: [40, 60], resample: "bilinear", pad: [64, 64] },
  "pad alone": { ...VALUES, resample: "bilinear", pad: [64, 64] },
  "floats resized": { ...VALUES, resizeFloats: true, resize: [24, 24], resample: "bilinear" },
  "floats as they are": { ...VALUES, resizeFloats: true, resample: "bilinear" },
  nothing: { ...VALUES, resample: "bicubic" },
};

const [H, W, ROW] = [37, 50, 64];

/** What the recipe makes of a picture [H, row] of which `width` columns count. */
async function run(recipe: Preprocessing, image: Uint32Array, row: number, width?: number): Promise<number[]> {
  const device = await testDevice();
  const graph = new Graph();
  const input = graph.input("image", { dtype: "u32", shape: [H, row] });
  graph.output("pixels", preprocess(input, recipe, "f32", width));
  const made = plan(graph, device);
  using store = new WeightStore(device, { name: "", tensors: new Map() });
  await store.load(made.statics.values());
  using executor = await Executor.create(device, made, store);
  const { pixels } = await executor.run({ image });
  return [...(pixels?.data ?? [])];
}

describe("rows longer than the picture", () => {
  const next = random(7);
  const longer = Uint32Array.from({ length: H * ROW }, () => Math.floor(next() * 2 ** 32));
  const image = longer.filter((_, i) => i % ROW < W);

  it.each(Object.entries(RECIPES))("%s", async (_, recipe) => {
    const expected = await run(recipe, image, W);
    expect(expected.length).toBeGreaterThan(1000);
    expect(await run(recipe, longer, ROW, W)).toEqual(expected);
  });
});
