// A CLIP ResNet against open_clip, from the pixel values and token ids it was given, stage by stage, and through the
// API from the photos.
import { describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { clipResnetGolden, runClipResnet, STAGES } from "./clipResnetParity.ts";
import { firstDifference, relativeError, worstCosine } from "./parity.ts";

const FOLDER = "test/golden/small-clip-resnet";
const PHOTOS = ["demos/photos/chelsea.png", "demos/photos/coffee.png"];

const LEAST_COSINE = { f32: 0.99999, f16: 0.999, q8: 0.995 } as const;

describe("small-clip-resnet", () => {
  it.for(["f32", "f16", "q8"] as const)("%s: stages, and embeddings of pictures and texts", async (dtype, context) => {
    const device = await testDevice();
    if (dtype === "f16" && !device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await clipResnetGolden(FOLDER);
    const checkpoint = await readSafetensors(`${FOLDER}/open_clip_model.safetensors`);
    const got = await runClipResnet(device, FOLDER, checkpoint, golden, dtype);
    await checkpoint.close();
    if (dtype === "f32") expect(firstDifference(got, golden, STAGES, 1e-3)).toBeUndefined();
    for (const name of ["image_embeds", "text_embeds"]) {
      const [ours, expected] = [got[name], golden.get(name)];
      if (!ours || !expected) throw new RangeError(`no ${name}`);
      expect(worstCosine(ours, expected), name).toBeGreaterThanOrEqual(LEAST_COSINE[dtype]);
      if (dtype === "f32") expect(relativeError(ours.data, expected.data), name).toBeLessThanOrEqual(1e-3);
    }
  });

  it("through the API: a folder as open_clip publishes it, photos, and sizes that it cannot take", async () => {
    const golden = await clipResnetGolden(FOLDER);
    using clip = await Clip.fromPretrained(FOLDER, { device: await testDevice() });
    const embeds = await clip.encodeImage(PHOTOS);
    const expected = golden.get("image_embeds");
    if (!expected) throw new RangeError("no image_embeds");
    expect(worstCosine(embeds, expected)).toBeGreaterThanOrEqual(0.9999);
    expect((await clip.encodeImage(PHOTOS, { size: 64 })).data).toEqual(embeds.data);
    await expect(clip.encodeImage(PHOTOS, { size: 96 })).rejects.toThrow(/sees pictures of 64 pixels only/);
  });
});
