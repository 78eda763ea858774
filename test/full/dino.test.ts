// DINO, DINOv2 and DINOv3 at their real sizes (seeded weights in a temporary folder) against PyTorch: from pixel
// values, and from a photo through the public API; and what a run costs. `npm run test:full`.
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { Dino, type DinoFeatures } from "../../src/api/dino.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { isCpu } from "../../src/kernels/variants.ts";
import type { ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { runDino } from "../models/dinoParity.ts";
import { cosine, everyFourthRow, ofSize, readGolden, worstCosine } from "../models/parity.ts";
import { runResnet } from "../models/resnetParity.ts";

type Golden = ReadonlyMap<string, NdArray>;

interface Budget {
  /** At most, of a run at 224x224; preprocessing apart. */
  readonly dispatches: number;
  /** Convolutions of 3x3 with stride 1. */
  readonly windows?: number;
}

interface Case extends Budget {
  /** Those from pixel values; the first is what the model's own preprocessing makes. */
  readonly sizes: readonly string[];
  /** Whether it runs in f16 too. */
  readonly f16?: boolean;
}

// All have the same preprocessing, so that their pixel values are kept once.
const PIXELS = "test/golden/dino-pixels/golden.safetensors";
/** At other sizes the golden keeps every fourth token. */
const OWN_SIZE = "224x224";
const LEAST_COSINE = { f32: 0.99999, f16: 0.999, q8: 0.995 } as const;
const PHOTO = "demos/photos/chelsea.png";

const CASES: Readonly<Record<string, Case>> = {
  "dino-vits16": { sizes: ["224x224", "256x320"], f16: true, dispatches: 96 },
  "dino-vits8": { sizes: ["224x224"], f16: true, dispatches: 96 },
  "dino-vitb16": { sizes: ["224x224"], f16: true, dispatches: 96 },
  "dino-resnet50": { sizes: ["224x224", "256x320"], f16: true, dispatches: 70, windows: 13 },
  "dinov2-small": { sizes: ["224x224"], f16: true, dispatches: 96 },
  "dinov3-vits16": { sizes: ["224x224"], f16: true, dispatches: 136 },
};

function find(tensors: Golden, name: string): NdArray {
  const tensor = tensors.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor;
}

/** The largest difference; infinite where a number is missing or not one. */
function largestError(ours: ArrayLike<number>, theirs: Float32Array): number {
  let worst = ours.length === theirs.length ? 0 : Number.POSITIVE_INFINITY;
  theirs.forEach((value, i) => {
    const error = Math.abs(value - (ours[i] as number));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  });
  return worst;
}

/** From the pixel values of one size. */
async function checkPixels(device: Device, name: string, checkpoint: Checkpoint, dtype: ModelDType, size: string) {
  const folder = `test/golden/${name}`;
  const golden = ofSize(await readGolden(`${folder}/golden.safetensors`), size);
  const run = name.includes("resnet") ? runResnet : runDino;
  const pixels = find(await readGolden(PIXELS), `${size}.pixel_values`);
  const start = performance.now();
  const got: Golden = new Map(Object.entries(await run(device, folder, checkpoint, pixels, dtype)));
  const seconds = (performance.now() - start) / 1e3;
  const figures: string[] = [];
  for (const key of ["last_hidden_state", "pooler_output"].filter((key) => golden.has(key))) {
    const theirs = find(golden, key);
    const ours = size !== OWN_SIZE && key === "last_hidden_state" ? everyFourthRow(find(got, key)) : find(got, key);
    expect(ours.data.length, key).toBe(theirs.data.length);
    const [overall, worst] = [cosine(ours.data, theirs.data), worstCosine(ours, theirs)];
    figures.push(`${key} 1 - cosine ${(1 - overall).toExponential(1)}, worst token ${(1 - worst).toExponential(1)}`);
    expect(overall, `${key} overall`).toBeGreaterThanOrEqual(LEAST_COSINE[dtype]);
    if (dtype === "f32") expect(worst, `${key}, worst token`).toBeGreaterThanOrEqual(0.9999);
  }
  const attention = golden.get("attentions.last.cls");
  if (attention) {
    const error = largestError(find(got, "attentions.last.cls").data, attention.data);
    figures.push(`class attention within ${error.toExponential(1)}`);
    if (dtype === "f32") expect(error, "class attention").toBeLessThanOrEqual(1e-3);
  }
  console.log(`${name} ${dtype} ${size}: ${figures.join("; ")}; ${seconds.toFixed(1)} s`);
}

/** The class token followed by the patches; of a ResNet, the map. */
function tokensOf({ cls, patches, map }: DinoFeatures): Float32Array {
  return map ? map.data : joined(cls.data, patches.data);
}

/** What PyTorch gave, without its registers. */
function withoutRegisters({ data, shape }: NdArray, { grid, map }: DinoFeatures): Float32Array {
  const channels = shape.at(-1) as number;
  const patches = data.subarray(data.length - grid[0] * grid[1] * channels);
  return map ? patches : joined(data.subarray(0, channels), patches);
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const all = new Float32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

async function runPhoto(device: Device, folder: string) {
  using model = await Dino.fromPretrained(folder, { device });
  return { features: await model.encodeImage(PHOTO), dispatches: (await model.summary()).dispatches };
}

/** The same through the public API, from the photo. */
async function checkPhoto(device: Device, name: string, folder: string, budget: Budget) {
  for (const file of ["config.json", "preprocessor_config.json"]) {
    await copyFile(`test/golden/${name}/${file}`, join(folder, file));
  }
  const golden = ofSize(await readGolden(`test/golden/${name}/golden.safetensors`), OWN_SIZE);
  const before = device.memory.bytes; // holds what the device itself keeps once it has run a graph
  const { features, dispatches } = await runPhoto(device, folder);
  const theirs = withoutRegisters(find(golden, "last_hidden_state"), features);
  const similarity = cosine(tokensOf(features), theirs);
  console.log(`${name} from the photo: 1 - cosine ${(1 - similarity).toExponential(1)}; ${dispatches} dispatches`);
  expect(tokensOf(features).length).toBe(theirs.length);
  expect(similarity).toBeGreaterThanOrEqual(0.9999);
  expect(device.memory.bytes).toBe(before);
  // On a CPU adapter each of them is three dispatches, by Winograd's algorithm.
  const more = isCpu(device.info.class) ? 2 * (budget.windows ?? 0) : 0;
  expect(dispatches).toBeLessThanOrEqual(budget.dispatches + more);
}

describe.each(Object.entries(CASES))("%s", (name, { sizes, f16, ...budget }) => {
  it("agrees with PyTorch from pixel values and from a photo, within its budget, and frees its memory", async () => {
    const device = await testDevice();
    await withSeededCheckpoint(`test/golden/${name}/manifest.json`, async (path) => {
      const checkpoint = await readSafetensors(path);
      for (const size of sizes) await checkPixels(device, name, checkpoint, "f32", size);
      await checkPixels(device, name, checkpoint, "q8", sizes.at(-1) as string);
      if (f16 && device.hasF16) await checkPixels(device, name, checkpoint, "f16", sizes.at(-1) as string);
      if (f16 && !device.hasF16) console.log(`${name}: this adapter has no shader-f16`);
      await checkpoint.close();
      await checkPhoto(device, name, dirname(path), budget);
    });
  }, 900_000);
});
