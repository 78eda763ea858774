// Both towers of small CLIPs against PyTorch, from the pixel values and token ids it was given, layer by layer.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { endPositions } from "../../src/api/tokens.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { clipImage, clipText, type TowerOutput } from "../../src/models/clip.ts";
import { clipConfig } from "../../src/models/clipConfig.ts";
import { clipNaming } from "../../src/models/clipNames.ts";
import { Weights } from "../../src/models/weights.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, firstDifference, readGolden, relativeError, runGraph, toDevice, worstCosine } from "./parity.ts";

type DType = "f32" | "f16";

/** The tower's outputs under the golden's names. */
function named(prefix: string, { embeds, hiddenStates }: TowerOutput, embedsName: string) {
  const layers = { [`${prefix}.hidden.0`]: hiddenStates[0], [`${prefix}.hidden.1`]: hiddenStates[1] };
  const last = prefix === "vision" ? { [`${prefix}.hidden.last`]: hiddenStates.at(-1) } : {};
  return { ...layers, ...last, [embedsName]: embeds } as Record<string, NonNullable<typeof embeds>>;
}

async function runTowers(device: Device, folder: string, dtype: DType): Promise<Record<string, NdArray>> {
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const config = clipConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  try {
    const pixels = channelsLast(golden.get("pixel_values") as NdArray);
    const image = await runGraph(
      device,
      checkpoint,
      (graph) => {
        const weights = Weights.of(graph, checkpoint, dtype, clipNaming(checkpoint));
        return named("vision", clipImage(graph.input("pixels", { dtype, shape: pixels.shape }), weights, config.vision), "image_embeds");
      },
      { pixels: toDevice(pixels.data, dtype) },
    );
    const { data, shape } = golden.get("input_ids") as NdArray;
    const [B = 0, T = 0] = shape;
    const rows = Array.from({ length: B }, (_, b) => [...data.subarray(b * T, (b + 1) * T)]);
    const end = endPositions(rows, config.text.eos_token_id).map((position, b) => b * T + position);
    const text = await runGraph(
      device,
      checkpoint,
      (graph) => {
        const weights = Weights.of(graph, checkpoint, dtype, clipNaming(checkpoint));
        const ids = graph.input("ids", { dtype: "i32", shape: [B, T] });
        return named("text", clipText(ids, graph.input("end", { dtype: "i32", shape: [B] }), weights, config.text), "text_embeds");
      },
      { ids: Int32Array.from(data), end: Int32Array.from(end) },
    );
    return { ...image, ...text };
  } finally {
    await checkpoint.close();
  }
}

const VISION = ["vision.hidden.0", "vision.hidden.1", "vision.hidden.last", "image_embeds"];
const TEXT = ["text.hidden.0", "text.hidden.1", "text_embeds"];

describe.each(["small-clip", "small-clip-gelu"])("%s", (name) => {
  const folder = `test/golden/${name}`;

  it("f32: every layer within 1e-3 of its largest value, embeddings with a cosine of 0.99999", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await runTowers(await testDevice(), folder, "f32");
    expect(firstDifference(got, golden, [...VISION, ...TEXT], 1e-3)).toBeUndefined();
    for (const embeds of ["image_embeds", "text_embeds"]) {
      const [ours, wanted] = [got[embeds] as NdArray, golden.get(embeds) as NdArray];
      expect(worstCosine(ours, wanted), embeds).toBeGreaterThanOrEqual(0.99999);
      expect(relativeError(ours.data, wanted.data), embeds).toBeLessThanOrEqual(1e-3);
    }
  });

  it("f16: embeddings with a cosine of 0.999", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const got = await runTowers(device, folder, "f16");
    for (const embeds of ["image_embeds", "text_embeds"]) {
      expect(worstCosine(got[embeds] as NdArray, golden.get(embeds) as NdArray), embeds).toBeGreaterThanOrEqual(0.999);
    }
  });
});
