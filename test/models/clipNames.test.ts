// A CLIP under OpenAI's and open_clip's names gives what the same weights give under Hugging Face's: tensors renamed in
// memory, q, k and v joined, projections transposed.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { clipNaming } from "../../src/models/clip/names.ts";
import { testDevice } from "../adapters.ts";
import { runTowers, TEXT, VISION } from "./clipParity.ts";
import { firstDifference, readGolden, relativeError } from "./parity.ts";

const FOLDER = "test/golden/small-clip";

/** [rows, columns] the other way round. */
function transposed({ data, shape: [rows = 0, columns = 0] }: NdArray): NdArray {
  const turned = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)] as number);
  return { data: turned, shape: [columns, rows] };
}

function joined(parts: readonly NdArray[]): NdArray {
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
  return {
    data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
    shape: [rows, ...(parts[0]?.shape.slice(1) ?? [])],
  };
}

/** As clip/model.py of openai/CLIP names its modules, written out by hand and not by the code under test. */
function openaiTensors(stored: ReadonlyMap<string, NdArray>): Record<string, NdArray> {
  const get = (name: string) => stored.get(name) as NdArray;
  const tensors: Record<string, NdArray> = {
    logit_scale: get("logit_scale"),
    "visual.conv1.weight": get("vision_model.embeddings.patch_embedding.weight"),
    "visual.class_embedding": get("vision_model.embeddings.class_embedding"),
    "visual.positional_embedding": get("vision_model.embeddings.position_embedding.weight"),
    "visual.proj": transposed(get("visual_projection.weight")),
    text_projection: transposed(get("text_projection.weight")),
    "token_embedding.weight": get("text_model.embeddings.token_embedding.weight"),
    positional_embedding: get("text_model.embeddings.position_embedding.weight"),
  };
  for (const kind of ["weight", "bias"]) {
    tensors[`visual.ln_pre.${kind}`] = get(`vision_model.pre_layrnorm.${kind}`);
    tensors[`visual.ln_post.${kind}`] = get(`vision_model.post_layernorm.${kind}`);
    tensors[`ln_final.${kind}`] = get(`text_model.final_layer_norm.${kind}`);
    for (const [theirs, ours] of [
      ["visual.transformer", "vision_model"],
      ["transformer", "text_model"],
    ]) {
      for (let i = 0; i < 3; i++) {
        const [to, from] = [`${theirs}.resblocks.${i}`, `${ours}.encoder.layers.${i}`];
        const qkv = ["q", "k", "v"].map((part) => get(`${from}.self_attn.${part}_proj.${kind}`));
        tensors[`${to}.attn.in_proj_${kind}`] = joined(qkv);
        tensors[`${to}.attn.out_proj.${kind}`] = get(`${from}.self_attn.out_proj.${kind}`);
        tensors[`${to}.ln_1.${kind}`] = get(`${from}.layer_norm1.${kind}`);
        tensors[`${to}.ln_2.${kind}`] = get(`${from}.layer_norm2.${kind}`);
        tensors[`${to}.mlp.c_fc.${kind}`] = get(`${from}.mlp.fc1.${kind}`);
        tensors[`${to}.mlp.c_proj.${kind}`] = get(`${from}.mlp.fc2.${kind}`);
      }
    }
  }
  return tensors;
}

let bytes: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  const tensors = openaiTensors(await readGolden(`${FOLDER}/model.safetensors`));
  const f32 = Object.entries(tensors).map(([name, tensor]) => [name, { dtype: "F32" as const, ...tensor }]);
  bytes = writeSafetensors(Object.fromEntries(f32));
});

it("OpenAI's names: every layer and both embeddings as PyTorch's", async () => {
  const golden = await readGolden(`${FOLDER}/golden.safetensors`);
  const got = await runTowers(await testDevice(), FOLDER, await readSafetensors(bytes), "f32");
  expect(firstDifference(got, golden, [...VISION, ...TEXT], 1e-3)).toBeUndefined();
});

it("Hugging Face's names stay as they are", async () => {
  const name = "vision_model.encoder.layers.0.self_attn.q_proj.weight";
  const tensors = new Map([[name, { shape: [8, 8], dtype: "F32" }]]);
  expect((await clipNaming({ name: "", tensors }))(name)).toEqual({ name });
});

describe("open_clip_config.json with open_clip_model.safetensors", () => {
  const config = {
    model_cfg: {
      embed_dim: 40,
      quick_gelu: true,
      vision_cfg: { image_size: 48, layers: 3, width: 64, head_width: 16, patch_size: 8 },
      text_cfg: { context_length: 20, vocab_size: 600, width: 48, heads: 3, layers: 3 },
    },
    preprocess_cfg: { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] },
  };
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "webgpu-vision-names-"));
    await writeFile(join(folder, "open_clip_model.safetensors"), bytes);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const encode = async (json: object) => {
    await writeFile(join(folder, "open_clip_config.json"), JSON.stringify(json));
    using clip = await Clip.fromPretrained(folder, { device: await testDevice() });
    return await clip.encodeImage("demos/photos/chelsea.png");
  };

  it("gives the embeddings of the same model in Hugging Face's layout", async () => {
    using clip = await Clip.fromPretrained(FOLDER, { device: await testDevice() });
    const expectedRow = await clip.encodeImage("demos/photos/chelsea.png");
    expect(relativeError((await encode(config)).data, expectedRow.data)).toBeLessThanOrEqual(1e-5);
  });

  it("reads mean, std, filter and shape of the resize from preprocess_cfg", async () => {
    const hf = await mkdtemp(join(tmpdir(), "webgpu-vision-names-"));
    try {
      await cp(FOLDER, hf, { recursive: true });
      const recipe = JSON.parse(await readFile(join(FOLDER, "preprocessor_config.json"), "utf8"));
      const other = {
        image_mean: [0.5, 0.4, 0.3],
        image_std: [0.2, 0.3, 0.4],
        resample: 2,
        size: { height: 48, width: 48 },
      };
      await writeFile(join(hf, "preprocessor_config.json"), JSON.stringify({ ...recipe, ...other }));
      using clip = await Clip.fromPretrained(hf, { device: await testDevice() });
      const expectedRow = await clip.encodeImage("demos/photos/chelsea.png");
      const preprocess_cfg = {
        mean: [0.5, 0.4, 0.3],
        std: [0.2, 0.3, 0.4],
        interpolation: "bilinear",
        resize_mode: "squash",
      };
      const got = await encode({ ...config, preprocess_cfg });
      expect(relativeError(got.data, expectedRow.data)).toBeLessThanOrEqual(1e-5);
    } finally {
      await rm(hf, { recursive: true });
    }
  });

  it.each([
    [{ mean: [0.5, 0.5] }, /open_clip_config\.json: mean is \[0\.5,0\.5\], expected three numbers/],
    [{ std: [0.5, 0, 0.5] }, /open_clip_config\.json: std is \[0\.5,0,0\.5\], expected three positive numbers/],
    [
      { interpolation: "lanczos" },
      /open_clip_config\.json: interpolation is "lanczos", expected "bicubic", "bilinear"/,
    ],
    [{ resize_mode: "stretch" }, /open_clip_config\.json: resize_mode is "stretch", expected "shortest", "longest"/],
    [{ mode: "L" }, /open_clip_config\.json: mode is "L", expected "RGB"/],
    [{ crop_pct: 0.9 }, /open_clip_config\.json: preprocess_cfg: crop_pct is 0\.9, which open_clip does not know/],
  ])("refuses preprocess_cfg %j", async (preprocess_cfg, message) => {
    await expect(encode({ ...config, preprocess_cfg })).rejects.toThrow(message);
  });
});
