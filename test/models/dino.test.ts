// DINO's ViTs against PyTorch at several sizes: every layer that the golden holds, the tokens, the class attention.
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { runDino } from "./dinoParity.ts";
import { cosine, firstDifference, ofSize, readGolden, worstCosine } from "./parity.ts";

async function run(device: Device, folder: string, pixels: NdArray, dtype: ModelDType) {
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  try {
    return await runDino(device, folder, checkpoint, pixels, dtype);
  } finally {
    await checkpoint.close();
  }
}

const CASES: Readonly<Record<string, readonly string[]>> = {
  "small-dino": ["64x64", "80x128", "96x48"],
  "small-dino-p8": ["56x56", "120x88"],
  "small-dinov2": ["70x70", "98x56"],
  "small-dinov2-registers": ["70x70", "98x56"],
  "small-dinov2-swiglu": ["70x70"],
  "small-dinov3": ["64x64", "96x80"],
};

for (const [name, sizes] of Object.entries(CASES)) {
  const folder = `test/golden/${name}`;
  describe(name, () => {
    it.each(sizes)("%s, f32: layers, tokens and class attention", async (size) => {
      const golden = await readGolden(`${folder}/golden.safetensors`);
      const expected = ofSize(golden, size);
      const got = await run(await testDevice(), folder, golden.get(`${size}.pixel_values`) as NdArray, "f32");
      const names = ["hidden.0", "hidden.1", "last_hidden_state"];
      expect(firstDifference(got, expected, names, 1e-3)).toBeUndefined();
      const [ours, theirs] = [got.last_hidden_state as NdArray, expected.get("last_hidden_state") as NdArray];
      expect(worstCosine(ours, theirs), "worst token").toBeGreaterThanOrEqual(0.9999);
      expect(cosine(ours.data, theirs.data), "all tokens").toBeGreaterThanOrEqual(0.99999);
      const attention = expected.get("attentions.last.cls") as NdArray;
      const errors = attention.data.map((value, i) =>
        Math.abs(value - (got["attentions.last.cls"]?.data[i] as number)),
      );
      expect(Math.max(...errors), "class attention").toBeLessThanOrEqual(1e-3);
    });

    it(`${sizes.at(-1)}, q8: tokens with a cosine of 0.995`, async () => {
      const golden = await readGolden(`${folder}/golden.safetensors`);
      const size = sizes.at(-1) as string;
      const got = await run(await testDevice(), folder, golden.get(`${size}.pixel_values`) as NdArray, "q8");
      const expected = ofSize(golden, size).get("last_hidden_state") as NdArray;
      expect(cosine((got.last_hidden_state as NdArray).data, expected.data)).toBeGreaterThanOrEqual(0.995);
    });

    it(`${sizes.at(-1)}, f16: tokens with a cosine of 0.999`, async (context) => {
      const device = await testDevice();
      if (!device.hasF16) return context.skip("this adapter has no shader-f16");
      const golden = await readGolden(`${folder}/golden.safetensors`);
      const size = sizes.at(-1) as string;
      const got = await run(device, folder, golden.get(`${size}.pixel_values`) as NdArray, "f16");
      const expected = ofSize(golden, size).get("last_hidden_state") as NdArray;
      expect(cosine((got.last_hidden_state as NdArray).data, expected.data)).toBeGreaterThanOrEqual(0.999);
    });
  });
}
