// The published names of DINO's ViTs: the small models' tensors under Facebook's names (q, k and v in one tensor, no
// config.json) and below transformers' prefixes give the features that they give under their own names.
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Dino } from "../../src/api/dino.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { cosine } from "./parity.ts";

const PHOTO = "demos/photos/chelsea.png";

type Tensors = Record<string, TensorData & { data: Uint8Array }>;

async function tensorsOf(name: string): Promise<Tensors> {
  const file = await readSafetensors(`test/golden/${name}/model.safetensors`);
  const tensors: Tensors = {};
  for (const [key, tensor] of file.tensors) {
    tensors[key] = { dtype: "F32", shape: tensor.shape, data: await tensor.read() };
  }
  await file.close();
  return tensors;
}

function joined(parts: readonly Tensors[string][]): Tensors[string] {
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.data.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.byteLength;
  }
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
  return { dtype: "F32", shape: [rows, ...(parts[0]?.shape.slice(1) ?? [])], data };
}

/** transformers' names of a ViT or a DINOv2 as Facebook's. */
function facebookName(name: string): string {
  return name
    .replace("embeddings.cls_token", "cls_token")
    .replace("embeddings.position_embeddings", "pos_embed")
    .replace("embeddings.register_tokens", "register_tokens")
    .replace("embeddings.mask_token", "mask_token")
    .replace("embeddings.patch_embeddings.projection", "patch_embed.proj")
    .replace("encoder.layer.", "blocks.")
    .replace("layernorm_before", "norm1")
    .replace("layernorm_after", "norm2")
    .replace("attention.output.dense", "attn.proj")
    .replace("intermediate.dense", "mlp.fc1")
    .replace("output.dense", "mlp.fc2")
    .replace("layer_scale1.lambda1", "ls1.gamma")
    .replace("layer_scale2.lambda1", "ls2.gamma")
    .replace("mlp.weights_in", "mlp.w12")
    .replace("mlp.weights_out", "mlp.w3")
    .replace(/^layernorm\./, "norm.");
}

function underFacebookNames(tensors: Tensors): Tensors {
  const out: Tensors = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (/attention\.(key|value)\./.test(name)) continue;
    const part = (which: string) => tensors[name.replace("attention.query", `attention.${which}`)] ?? tensor;
    if (name.includes("attention.attention.query")) {
      const fused = facebookName(name).replace("attention.attention.query", "attn.qkv");
      out[fused] = joined([tensor, part("key"), part("value")]);
    } else out[facebookName(name)] = tensor;
  }
  return out;
}

/** Features of the photo by these tensors, with the files of the small model beside them that `files` names. */
async function featuresOf(name: string, tensors: Tensors, files: readonly string[], size?: readonly [number, number]) {
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
  try {
    await writeFile(join(folder, "model.safetensors"), writeSafetensors(tensors));
    for (const file of files) await copyFile(`test/golden/${name}/${file}`, join(folder, file));
    using dino = await Dino.fromPretrained(folder, { device: await testDevice() });
    const { config } = dino;
    return { config, ...(await dino.encodeImage(PHOTO, size && { size })) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ALL = ["config.json", "preprocessor_config.json"];

// Heads of 64 channels, as all published ones have: the small goldens with other heads say so in config.json.
describe.each(["small-dino", "small-dinov2", "small-dinov2-registers", "small-dinov2-swiglu"])("%s", (name) => {
  it("under Facebook's names", async () => {
    const tensors = await tensorsOf(name);
    const ours = await featuresOf(name, tensors, ALL);
    const theirs = await featuresOf(name, underFacebookNames(tensors), ALL);
    expect(cosine(theirs.cls.data, ours.cls.data)).toBeGreaterThan(0.9999999);
    expect(cosine(theirs.patches.data, ours.patches.data)).toBeGreaterThan(0.9999999);
  });

  it("below a prefix of transformers", async () => {
    const prefix = { "small-dino": "vit.", "small-dinov2-registers": "dinov2_with_registers." }[name] ?? "dinov2.";
    const tensors = await tensorsOf(name);
    const renamed = Object.fromEntries(Object.entries(tensors).map(([key, value]) => [prefix + key, value]));
    const ours = await featuresOf(name, tensors, ALL);
    const theirs = await featuresOf(name, renamed, ALL);
    expect(theirs.cls.data).toEqual(ours.cls.data);
  });
});

it("without a config.json: sizes from the tensors, heads of 64 channels", async () => {
  const tensors = underFacebookNames(await tensorsOf("small-dino-p8"));
  const { config, grid, cls } = await featuresOf("small-dino-p8", tensors, []);
  expect(config).toMatchObject({
    model_type: "vit",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 1,
    patch_size: 8,
    image_size: 56,
  });
  // The recipe of the original evaluation: the shortest edge to 56 / 0.875, the centre of 56.
  expect([grid, cls.shape]).toEqual([
    [7, 7],
    [1, 64],
  ]);
});

it("refuses a folder whose tensors are of no DINO", async () => {
  const tensors: Tensors = { "some.weight": { dtype: "F32", shape: [2], data: new Uint8Array(8) } };
  await expect(featuresOf("small-dino", tensors, [])).rejects.toThrow(/no tensors of a DINO/);
});
