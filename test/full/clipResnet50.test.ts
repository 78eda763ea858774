// CLIP's ResNet-50 at its real size (400 MB of seeded weights in a temporary folder) against open_clip: from pixel
// values and token ids, from photos through the public API, and what a run costs. `npm run test:full`.
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { Clip } from "../../src/api/clip.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { isCpu } from "../../src/kernels/variants.ts";
import { testDevice } from "../adapters.ts";
import { runClipResnet } from "../models/clipResnetParity.ts";
import { channelsLast, readGolden, relativeError, worstCosine } from "../models/parity.ts";

const FOLDER = "test/golden/clip-resnet50";
// open_clip's preprocessing comes to the same pixel values as transformers', which are kept once.
const PIXELS = "test/golden/clip-vit-base-patch32/golden.safetensors";
const LEAST_COSINE = { f32: 0.99999, f16: 0.999, q8: 0.995 } as const;
const PHOTOS = ["demos/photos/chelsea.png", "demos/photos/coffee.png"];

function find(tensors: ReadonlyMap<string, NdArray>, name: string): NdArray {
  const tensor = tensors.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor;
}

async function readClipGolden() {
  const pixels = channelsLast(find(await readGolden(PIXELS), "pixel_values"));
  return (await readGolden(`${FOLDER}/golden.safetensors`)).set("pixel_values", pixels);
}

it("agrees with open_clip from pixels, token ids and photos, within its budget, and frees its memory", async () => {
  const device = await testDevice();
  const golden = await readClipGolden();
  const use = async (path: string) => {
    const checkpoint = await readSafetensors(path);
    for (const dtype of device.hasF16 ? (["f32", "q8", "f16"] as const) : (["f32", "q8"] as const)) {
      const got = new Map(Object.entries(await runClipResnet(device, FOLDER, checkpoint, golden, dtype)));
      for (const name of ["image_embeds", "text_embeds"]) {
        const [ours, expected] = [find(got, name), find(golden, name)];
        const [cosine, error] = [worstCosine(ours, expected), relativeError(ours.data, expected.data)];
        console.log(
          `clip-resnet50 ${dtype} ${name}: 1 - cosine ${(1 - cosine).toExponential(1)}, ` +
            `largest error ${error.toExponential(1)}`,
        );
        expect(cosine, `${dtype} ${name}`).toBeGreaterThanOrEqual(LEAST_COSINE[dtype]);
        if (dtype === "f32") expect(error, name).toBeLessThanOrEqual(1e-3);
      }
    }
    await checkpoint.close();
    await checkPhotos(device, dirname(path), find(golden, "image_embeds"));
  };
  await withSeededCheckpoint(`${FOLDER}/manifest.json`, use, "open_clip_model.safetensors");
}, 900_000);

/** The same model through the public API, from a folder as open_clip publishes it. */
async function checkPhotos(device: Device, folder: string, expected: NdArray): Promise<void> {
  await copyFile(`${FOLDER}/open_clip_config.json`, join(folder, "open_clip_config.json"));
  const before = device.memory.bytes; // holds what the device itself keeps once it has run a graph
  const clip = await Clip.fromPretrained(folder, { device });
  const cosine = worstCosine(await clip.encodeImage(PHOTOS), expected);
  const { dispatches } = await clip.summary();
  clip.dispose();
  console.log(
    `clip-resnet50 from photos: 1 - cosine ${(1 - cosine).toExponential(1)}; ` +
      `${dispatches} dispatches of the image tower`,
  );
  expect(cosine).toBeGreaterThanOrEqual(0.9999);
  expect(device.memory.bytes).toBe(before);
  // On a CPU adapter each of 18 convolutions is three dispatches, by Winograd's algorithm.
  expect(dispatches).toBeLessThanOrEqual(72 + (isCpu(device.info.class) ? 2 * 18 : 0));
}
