// A DINO ResNet against PyTorch at several sizes: stem, first stage, map and pooled feature; and under each of the
// names that are published.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { resnetConfig } from "../../src/models/resnet/config.ts";
import { plainCheckpoint } from "../../src/session/plainCheckpoint.ts";
import type { ModelDType } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { cosine, firstDifference, ofSize, readGolden, worstCosine } from "./parity.ts";
import { runResnet } from "./resnetParity.ts";

const FOLDER = "test/golden/small-dino-resnet";
const NAMES = ["hidden.0", "hidden.1", "last_hidden_state", "pooler_output"];

async function run(size: string, dtype: ModelDType, checkpoint: Checkpoint) {
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const pixels = golden.get(`${size}.pixel_values`);
  if (!pixels) throw new RangeError(`the golden has no ${size}`);
  const got = await runResnet(await testDevice(), FOLDER, checkpoint, pixels, dtype);
  return { got, wanted: ofSize(golden, size) };
}

describe.each(["64x64", "97x65"])("at %s", (size) => {
  it("f32: every stage within 1e-3 of its largest value, features with a cosine of 0.99999", async () => {
    const checkpoint = await readSafetensors(`${FOLDER}/model.safetensors`);
    const { got, wanted } = await run(size, "f32", checkpoint);
    await checkpoint.close();
    expect(firstDifference(got, wanted, NAMES, 1e-3)).toBeUndefined();
    for (const name of ["last_hidden_state", "pooler_output"] as const) {
      const [ours, theirs] = [got[name], wanted.get(name)];
      if (!ours || !theirs) throw new RangeError(`no ${name}`);
      expect(cosine(ours.data, theirs.data), name).toBeGreaterThanOrEqual(0.99999);
      if (name === "last_hidden_state") expect(worstCosine(ours, theirs)).toBeGreaterThanOrEqual(0.9999);
    }
  });

  it("q8: a map with a cosine of 0.995", async () => {
    const checkpoint = await readSafetensors(`${FOLDER}/model.safetensors`);
    const { got, wanted } = await run(size, "q8", checkpoint);
    await checkpoint.close();
    const [ours, theirs] = [got.last_hidden_state?.data ?? [], wanted.get("last_hidden_state")?.data ?? []];
    expect(cosine(ours, theirs)).toBeGreaterThanOrEqual(0.995);
  });

  it("f16: a map with a cosine of 0.999", async (context) => {
    if (!(await testDevice()).hasF16) return context.skip("this adapter has no shader-f16");
    const checkpoint = await readSafetensors(`${FOLDER}/model.safetensors`);
    const { got, wanted } = await run(size, "f16", checkpoint);
    await checkpoint.close();
    expect(cosine(got.last_hidden_state?.data ?? [], wanted.get("last_hidden_state")?.data ?? [])).toBeGreaterThan(
      0.999,
    );
  });
});

/** transformers' names as torchvision's. */
function torchvision(name: string): string {
  return name
    .replace("embedder.embedder.convolution", "conv1")
    .replace("embedder.embedder.normalization", "bn1")
    .replace(/^encoder\.stages\.(\d+)\.layers\.(\d+)\./, (_, stage, block) => `layer${Number(stage) + 1}.${block}.`)
    .replace(/\blayer\.(\d)\.convolution/, (_, i) => `conv${Number(i) + 1}`)
    .replace(/\blayer\.(\d)\.normalization/, (_, i) => `bn${Number(i) + 1}`)
    .replace("shortcut.convolution", "downsample.0")
    .replace("shortcut.normalization", "downsample.1");
}

/** Gives the same weights under other names to `use`. */
async function underNames(rename: (name: string) => string, use: (checkpoint: Checkpoint) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
  const original = await readSafetensors(`${FOLDER}/model.safetensors`);
  const tensors: Record<string, TensorData> = {};
  for (const [name, tensor] of original.tensors) {
    tensors[rename(name)] = { dtype: "F32", shape: tensor.shape, data: await tensor.read() };
  }
  await original.close();
  try {
    const path = join(folder, "model.safetensors");
    await writeFile(path, writeSafetensors(tensors));
    const checkpoint = await readSafetensors(path);
    await use(checkpoint);
    await checkpoint.close();
  } finally {
    await rm(folder, { recursive: true });
  }
}

it.each<[string, (name: string) => string]>([
  ["torchvision", torchvision],
  ["torchvision, of a wrapped backbone", (name) => `module.backbone.${torchvision(name)}`],
  ["transformers, below a head", (name) => `resnet.${name}`],
])("reads the names of %s", async (_, rename) => {
  await underNames(rename, async (checkpoint) => {
    expect(checkpoint.tensors.size).toBe((await readSafetensors(`${FOLDER}/model.safetensors`)).tensors.size);
    const plain = await plainCheckpoint(checkpoint, await openSource(FOLDER));
    const { got, wanted } = await run("64x64", "f32", plain);
    expect(firstDifference(got, wanted, NAMES, 1e-3)).toBeUndefined();
  });
});

it("counts blocks in the tensors, and refuses absurd configs", async () => {
  const checkpoint = await readSafetensors(`${FOLDER}/model.safetensors`);
  const json = JSON.parse(await readFile(`${FOLDER}/config.json`, "utf8"));
  expect(resnetConfig(json, checkpoint)).toMatchObject({ depths: [2, 1, 2, 1], layer_type: "bottleneck" });
  expect(resnetConfig(undefined, checkpoint).depths).toEqual(json.depths);
  expect(() => resnetConfig({ hidden_act: "maxout" }, checkpoint)).toThrow(/hidden_act "maxout"/);
  expect(() => resnetConfig({ depths: [3, 4, 6, 3] }, checkpoint)).toThrow(/depths is \[3,4,6,3\], but .* 2,1,2,1/);
  expect(() => resnetConfig({ downsample_in_bottleneck: 1 }, checkpoint)).toThrow(/expected true or false/);
  await checkpoint.close();
});
