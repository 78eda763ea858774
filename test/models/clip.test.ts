// Both towers of small CLIPs against PyTorch, from the pixel values and token ids it was given, layer by layer.
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { runTowers, TEXT, VISION } from "./clipParity.ts";
import { firstDifference, readGolden, relativeError, worstCosine } from "./parity.ts";

async function run(device: Device, folder: string, dtype: ModelDType) {
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  try {
    return await runTowers(device, folder, checkpoint, dtype);
  } finally {
    await checkpoint.close();
  }
}

describe.each(["small-clip", "small-clip-gelu"])("%s", (name) => {
  const folder = `test/golden/${name}`;

  it("f32: every layer within 1e-3 of its largest value, embeddings with a cosine of 0.99999", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await run(await testDevice(), folder, "f32");
    expect(firstDifference(got, golden, [...VISION, ...TEXT], 1e-3)).toBeUndefined();
    for (const embeds of ["image_embeds", "text_embeds"]) {
      const [ours, wanted] = [got[embeds] as NdArray, golden.get(embeds) as NdArray];
      expect(worstCosine(ours, wanted), embeds).toBeGreaterThanOrEqual(0.99999);
      expect(relativeError(ours.data, wanted.data), embeds).toBeLessThanOrEqual(1e-3);
    }
  });

  it("q8: embeddings with a cosine of 0.995", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await run(await testDevice(), folder, "q8");
    for (const embeds of ["image_embeds", "text_embeds"]) {
      expect(worstCosine(got[embeds] as NdArray, golden.get(embeds) as NdArray), embeds).toBeGreaterThanOrEqual(0.995);
    }
  });

  it("f16: embeddings with a cosine of 0.999", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await run(device, folder, "f16");
    for (const embeds of ["image_embeds", "text_embeds"]) {
      expect(worstCosine(got[embeds] as NdArray, golden.get(embeds) as NdArray), embeds).toBeGreaterThanOrEqual(0.999);
    }
  });
});
