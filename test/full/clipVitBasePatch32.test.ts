// CLIP ViT-B/32 at its real size (600 MB of seeded weights in a temporary folder) against PyTorch, and what it costs.
// `npm run test:full`: half a minute on a CPU adapter with two cores.
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { Clip } from "../../src/api/clip.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { runTowers, TEXT, VISION } from "../models/clipParity.ts";
import { everyFourthRow, firstDifference, readGolden, relativeError, worstCosine } from "../models/parity.ts";

const FOLDER = "test/golden/clip-vit-base-patch32";
const LEAST_COSINE = { f32: 0.99999, f16: 0.999, q8: 0.995 } as const;
const PHOTOS = ["demos/photos/chelsea.png", "demos/photos/coffee.png"];

/** Largest growth of the JavaScript heap and of array buffers while `work` runs, in bytes. */
async function growth(work: () => Promise<void>) {
  const start = process.memoryUsage();
  const most = { heap: 0, arrayBuffers: 0 };
  const timer = setInterval(() => {
    const now = process.memoryUsage();
    most.heap = Math.max(most.heap, now.heapUsed - start.heapUsed);
    most.arrayBuffers = Math.max(most.arrayBuffers, now.arrayBuffers - start.arrayBuffers);
  }, 10);
  await work();
  clearInterval(timer);
  return most;
}

it("agrees with PyTorch from pixel values, token ids and photos, within its budget", async () => {
  const device = await testDevice();
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  await withSeededCheckpoint(`${FOLDER}/manifest.json`, async (path) => {
    const checkpoint = await readSafetensors(path);
    const dtypes = device.hasF16 ? (["f32", "q8", "f16"] as const) : (["f32", "q8"] as const);
    for (const dtype of dtypes) {
      const got = await runTowers(device, FOLDER, checkpoint, dtype);
      const names = [...VISION, ...TEXT].filter((name) => golden.has(name));
      for (const name of names.filter((name) => name.includes(".hidden.")))
        got[name] = everyFourthRow(got[name] as NdArray);
      if (dtype === "f32") expect(firstDifference(got, golden, names, 1e-3)).toBeUndefined();
      for (const name of ["image_embeds", "text_embeds"]) {
        const [ours, wanted] = [got[name] as NdArray, golden.get(name) as NdArray];
        const [cosine, error] = [worstCosine(ours, wanted), relativeError(ours.data, wanted.data)];
        console.log(`${dtype} ${name}: cosine ${cosine.toFixed(9)}, largest error ${error.toExponential(2)}`);
        expect(cosine, `${dtype} ${name}`).toBeGreaterThanOrEqual(LEAST_COSINE[dtype]);
        if (dtype === "f32") expect(error, name).toBeLessThanOrEqual(1e-3);
      }
    }
    await checkpoint.close();
    await checkClip(dirname(path), golden);
  });
}, 900_000);

/** The same model through the public API, from the photos. */
async function checkClip(folder: string, golden: ReadonlyMap<string, NdArray>): Promise<void> {
  for (const file of ["config.json", "preprocessor_config.json"])
    await copyFile(`${FOLDER}/${file}`, join(folder, file));
  const device = await testDevice();
  const before = device.memory.bytes;
  let clip: Clip | undefined;
  const most = await growth(async () => {
    clip = await Clip.fromPretrained(folder, { device });
  });
  if (!clip) throw new Error("not loaded");
  const embeds = await clip.encodeImage(PHOTOS);
  const cosine = worstCosine(embeds, golden.get("image_embeds") as NdArray);
  const [tower, preprocessing] = [await clip.summary(), await clip.preprocessingSummary(640, 480)];
  const dispatches = tower.dispatches + preprocessing.dispatches;
  const pipelines = tower.pipelines + preprocessing.pipelines; // they share none
  console.log(
    `from photos: cosine ${cosine.toFixed(9)}; ${dispatches} dispatches, ${pipelines} pipelines, activations ` +
      `${tower.activationBytes} bytes, live ${tower.liveBytes}; heap +${(most.heap / 1e6).toFixed(1)} MB, ` +
      `array buffers +${(most.arrayBuffers / 1e6).toFixed(1)} MB while loading`,
  );
  expect(cosine).toBeGreaterThanOrEqual(0.9999);
  expect(dispatches).toBeLessThanOrEqual(96);
  expect(pipelines).toBeLessThanOrEqual(20);
  expect(tower.activationBytes).toBeLessThanOrEqual(1.3 * tower.liveBytes);
  expect(most.heap).toBeLessThanOrEqual(100e6);
  clip.dispose();
  expect(device.memory.bytes).toBe(before);
}
