// SAM's image encoder against PyTorch: the tokens going in, after the first layer and the last, and the embedding.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SamVisionConfig } from "../../src/models/sam/config.ts";
import { samImageEncoder } from "../../src/models/sam/imageEncoder.ts";
import { samNaming } from "../../src/models/sam/names.ts";
import { samConfig } from "../../src/models/sam/readConfig.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, cosine, firstDifference, readGolden, runGraph, toDevice, worstCosine } from "./parity.ts";

/** [1, H, W, C] with zeros below and beside it, to a square. */
function padded({ data, shape: [, H = 0, W = 0, C = 0] }: NdArray, side: number): NdArray {
  const out = new Float32Array(side * side * C);
  for (let y = 0; y < H; y++) out.set(data.subarray(y * W * C, (y + 1) * W * C), y * side * C);
  return { data: out, shape: [1, side, side, C] };
}

/** Outputs under the golden's names; the embedding, channels last there as here. */
async function run(device: Device, folder: string, golden: ReadonlyMap<string, NdArray>, type: ModelDType) {
  const dtype = computedIn(type);
  const config = samConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const pixels = padded(channelsLast(golden.get("pixel_values") as NdArray), config.vision.image_size);
  try {
    return await runGraph(
      device,
      checkpoint,
      (graph) => {
        const w = Weights.of(graph, checkpoint, dtype, samNaming(checkpoint));
        const input = graph.input("pixels", { dtype, shape: pixels.shape });
        const states: Value[] = [];
        const embedding = samImageEncoder(input, w, config.vision as SamVisionConfig, (x) => states.push(x));
        return {
          "vision.hidden.0": states[0] as Value,
          "vision.hidden.1": states[1] as Value,
          "vision.hidden.last": states.at(-1) as Value,
          image_embeddings: embedding,
        };
      },
      { pixels: toDevice(pixels.data, type) },
      type,
    );
  } finally {
    await checkpoint.close();
  }
}

describe.each(["small-sam", "small-sam-whole-windows"])("%s", (name) => {
  const folder = `test/golden/${name}`;
  const read = async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    return { golden, embedding: channelsLast(golden.get("image_embeddings") as NdArray) };
  };

  it("f32: layers and the embedding", async () => {
    const { golden, embedding } = await read();
    const got = await run(await testDevice(), folder, golden, "f32");
    const expected = new Map([...golden, ["image_embeddings", embedding] as const]);
    const names = ["vision.hidden.0", "vision.hidden.1", "vision.hidden.last", "image_embeddings"];
    expect(firstDifference(got, expected, names, 1e-4)).toBeUndefined();
    const ours = got.image_embeddings as NdArray;
    expect(worstCosine(ours, embedding), "worst place").toBeGreaterThanOrEqual(0.9999);
    expect(cosine(ours.data, embedding.data), "all places").toBeGreaterThanOrEqual(0.99999);
  });

  it("q8: the embedding with a cosine of 0.995", async () => {
    const { golden, embedding } = await read();
    const got = await run(await testDevice(), folder, golden, "q8");
    expect(cosine((got.image_embeddings as NdArray).data, embedding.data)).toBeGreaterThanOrEqual(0.995);
  });

  it("f16: the embedding with a cosine of 0.999", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const { golden, embedding } = await read();
    const got = await run(device, folder, golden, "f16");
    expect(cosine((got.image_embeddings as NdArray).data, embedding.data)).toBeGreaterThanOrEqual(0.999);
  });
});

/** A device at WebGPU's default limits. */
const traits = (adapterClass: "cpu-lavapipe" | "nvidia") => ({
  info: { class: adapterClass },
  hasF16: true,
  hasSubgroups: true,
  subgroupSize: adapterClass === "nvidia" ? 32 : 8,
  limits: {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16 << 10,
    maxStorageBufferBindingSize: 128 << 20,
  },
});

describe.each(["cpu-lavapipe", "nvidia"] as const)("at its real size on %s", (adapterClass) => {
  it("ViT-B fits WebGPU's default limits and 600 MB", async () => {
    const rows = JSON.parse(await readFile("test/golden/sam-vit-base/manifest.json", "utf8")) as SeededRow[];
    const tensors = new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }]));
    const { vision } = samConfig({ model_type: "sam" });
    const graph = new Graph();
    const w = Weights.of(graph, { name: "sam-vit-base", tensors }, "f32");
    const pixels = graph.input("pixels", { dtype: "f32", shape: [1, 1024, 1024, 3] });
    graph.output("embedding", samImageEncoder(pixels, w, vision as SamVisionConfig));
    const summary = plan(graph, traits(adapterClass)).summary();
    expect(graph.outputs.get("embedding")?.shape).toEqual([1, 64, 64, 256]);
    expect(summary.largestBufferBytes).toBeLessThanOrEqual(128 << 20);
    expect(summary.weightBytes + summary.activationBytes).toBeLessThanOrEqual(600e6);
    expect(summary.dispatches).toBeLessThanOrEqual(12 * 8 + 6); // eight a layer; patches, positions, the neck
  });
});
