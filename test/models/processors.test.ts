// Pictures of twenty odd shapes through every image processor of transformers, open_clip and timm that is read here,
// with a spread of settings: the size that Python gives, and its values within one step of 8 bits
// (scripts/goldenProcessors.py).
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Executor } from "../../src/graph/executor.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { WeightStore } from "../../src/graph/store.ts";
import { openClipRecipe } from "../../src/models/preprocess/openClip.ts";
import { preprocess } from "../../src/models/preprocess/preprocess.ts";
import { processorRecipe } from "../../src/models/preprocess/processorConfig.ts";
import { outputSize, type Preprocessing } from "../../src/models/preprocess/recipe.ts";
import { timmRecipe } from "../../src/models/preprocess/timm.ts";
import { testDevice } from "../adapters.ts";

/** Height and width, mean of all values, and some values as "b" and base64 of bytes, or "w" and 64ths in words. */
type Result = readonly [height: number, width: number, mean: number, samples: string];

interface Case {
  readonly name: string;
  /** preprocessor_config.json, and config.json beside it. */
  readonly settings?: object;
  readonly config?: object;
  /** open_clip_config.json */
  readonly openClip?: object;
  /** timm's config.json */
  readonly timm?: object;
  /** null where Python fails, as on an edge of 0, and where the result would be huge. */
  readonly results: readonly (Result | null)[];
}

interface Golden {
  readonly shapes: readonly (readonly [height: number, width: number])[];
  readonly cases: readonly Case[];
}

const { shapes, cases }: Golden = JSON.parse(readFileSync("test/golden/processors.json", "utf8"));

const hash = (n: number) => Math.imul(n, 2654435761) >>> 0;

/** Slopes that wrap, tiles and noise, packed as RGBA; the same bytes as in the script. */
function picture(height: number, width: number): Uint32Array {
  return Uint32Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    const tile = (((x >> 3) + (y >> 3)) % 2) * 97;
    const bytes = [0, 1, 2].map((c) => (x * 5 + y * 3 + c * 70 + tile + (hash(i * 3 + c + 1) >>> 27)) % 256);
    return bytes.reduce((pixel, byte, c) => pixel + byte * 256 ** c, 0);
  });
}

function recipeOf({ settings, config, openClip, timm }: Case): Preprocessing {
  if (openClip) return openClipRecipe(openClip);
  if (timm) return timmRecipe(timm, 224);
  return processorRecipe({ file: "preprocessor_config.json", json: settings }, config);
}

async function pixelsOf(recipe: Preprocessing, height: number, width: number): Promise<Float32Array> {
  const device = await testDevice();
  const graph = new Graph();
  graph.output("pixels", preprocess(graph.input("image", { dtype: "u32", shape: [height, width] }), recipe, "f32"));
  const pixelPlan = plan(graph, device);
  using store = new WeightStore(device, { name: "", tensors: new Map() });
  await store.load(pixelPlan.statics.values());
  using executor = await Executor.create(device, pixelPlan, store);
  const { pixels } = await executor.run({ image: picture(height, width) });
  return pixels?.data as Float32Array;
}

/** Values in steps of the picture's bytes. */
function steps(pixels: Float32Array, { rescale, mean, std }: Preprocessing): Float64Array {
  return Float64Array.from(pixels, (v, i) => (v * (std[i % 3] as number) + (mean[i % 3] as number)) / rescale);
}

function samplesOf(text: string): number[] {
  const bytes = Buffer.from(text.slice(1), "base64");
  if (text.startsWith("b")) return [...bytes];
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / 64);
}

describe("image processors", () => {
  it.each(cases)("$name", async (one) => {
    const recipe = recipeOf(one);
    for (const [i, [height, width]] of shapes.entries()) {
      const expected = one.results[i];
      if (!expected) continue;
      expect(outputSize(recipe, [height, width])).toEqual(expected.slice(0, 2));
      const got = steps(await pixelsOf(recipe, height, width), recipe);
      expect(got.length, `${height} x ${width}`).toBe(expected[0] * expected[1] * 3);
      const far = samplesOf(expected[3]).map((value, n) => Math.abs(value - (got[hash(n + 1) % got.length] as number)));
      expect(Math.max(...far), `${height} x ${width}: steps from Python's values`).toBeLessThan(1.02);
      const mean = got.reduce((sum, value) => sum + value, 0) / got.length;
      expect(Math.abs(mean - expected[2]), `${height} x ${width}: steps from Python's mean`).toBeLessThan(0.5);
    }
  });
});
