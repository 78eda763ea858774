// DINO's ViTs against PyTorch at several sizes: every layer that the golden holds, the tokens, the class attention.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { dino } from "../../src/models/dino.ts";
import { dinoConfig } from "../../src/models/dinoConfig.ts";
import { dinoNaming } from "../../src/models/dinoNames.ts";
import { Weights } from "../../src/models/weights.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, cosine, firstDifference, readGolden, runGraph, toDevice, worstCosine } from "./parity.ts";

type Golden = ReadonlyMap<string, NdArray>;

/** Outputs at one size, under the golden's names without the size. */
async function run(device: Device, folder: string, golden: Golden, size: string, dtype: "f32" | "f16") {
  const config = dinoConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const pixels = channelsLast(golden.get(`${size}.pixel_values`) as NdArray);
  const last = config.num_hidden_layers - 1;
  try {
    return await runGraph(
      device,
      checkpoint,
      (graph) => {
        const w = Weights.of(graph, checkpoint, dtype, dinoNaming(checkpoint));
        const input = graph.input("pixels", { dtype, shape: pixels.shape });
        const { tokens, hiddenStates, attention } = dino(input, w, config, { attentionOf: [last] });
        const [first, second] = hiddenStates;
        return {
          "hidden.0": first as typeof tokens,
          "hidden.1": second as typeof tokens,
          last_hidden_state: tokens,
          "attentions.last.cls": attention.get(last) as typeof tokens,
        };
      },
      { pixels: toDevice(pixels.data, dtype) },
    );
  } finally {
    await checkpoint.close();
  }
}

/** The golden's tensors of one size. */
function ofSize(golden: Golden, size: string): Golden {
  const own = [...golden].filter(([name]) => name.startsWith(`${size}.`));
  return new Map(own.map(([name, value]) => [name.slice(size.length + 1), value]));
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
      const wanted = ofSize(golden, size);
      const got = await run(await testDevice(), folder, golden, size, "f32");
      const names = ["hidden.0", "hidden.1", "last_hidden_state"];
      expect(firstDifference(got, wanted, names, 1e-3)).toBeUndefined();
      const [ours, theirs] = [got.last_hidden_state as NdArray, wanted.get("last_hidden_state") as NdArray];
      expect(worstCosine(ours, theirs), "worst token").toBeGreaterThanOrEqual(0.9999);
      expect(cosine(ours.data, theirs.data), "all tokens").toBeGreaterThanOrEqual(0.99999);
      const attention = wanted.get("attentions.last.cls") as NdArray;
      const errors = attention.data.map((value, i) =>
        Math.abs(value - (got["attentions.last.cls"]?.data[i] as number)),
      );
      expect(Math.max(...errors), "class attention").toBeLessThanOrEqual(1e-3);
    });

    it(`${sizes.at(-1)}, f16: tokens with a cosine of 0.999`, async (context) => {
      const device = await testDevice();
      if (!device.hasF16) return context.skip("this adapter has no shader-f16");
      const golden = await readGolden(`${folder}/golden.safetensors`);
      const size = sizes.at(-1) as string;
      const got = await run(device, folder, golden, size, "f16");
      const wanted = ofSize(golden, size).get("last_hidden_state") as NdArray;
      expect(cosine((got.last_hidden_state as NdArray).data, wanted.data)).toBeGreaterThanOrEqual(0.999);
    });
  });
}
