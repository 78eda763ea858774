// The same weights under what training tools make of names and types: prefixes and wrappers, LoRA, 64 and 8 bits; and
// what is refused by name, because features would be wrong without it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { CheckpointError } from "../../src/device/errors.ts";
import { toHalf } from "../../src/device/half.ts";
import type { StoredDType } from "../../src/io/safetensors/dtypes.ts";
import { testDevice } from "../adapters.ts";
import {
  below,
  type Case,
  caseOf,
  dinoFeatures,
  f32,
  flat,
  floats,
  inFolder,
  PICTURE,
  type Tensors,
  weightsOf,
  withClip,
} from "./layoutCases.ts";
import { relativeError } from "./parity.ts";

const clipCase = caseOf("transformers: CLIPVisionModel");
const dinoCase = caseOf("timm: DINOv2 with registers");

const imageOf = (one: Pick<Case, "files">, tensors: Tensors) =>
  withClip(one, tensors, async (clip) => (await clip.encodeImage(PICTURE)).data);

/** These tensors under names that a function makes. */
function renamed(tensors: Tensors, rename: (name: string) => string): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]));
}

describe("names", () => {
  const weights = weightsOf(dinoCase);
  it.each<[string, Tensors]>([
    ["DDP's", below("module.", weights)],
    [
      "a teacher beside its student",
      { ...below("teacher.backbone.", weights), ...below("student.backbone.", weights) },
    ],
    [
      "a head beside the backbone",
      { ...below("backbone.", weights), "head.mlp.0.weight": f32(["head", [8, 32], 0, 1]) },
    ],
    ["torch.compile's, of each block", renamed(weights, (name) => name.replace(/^(blocks\.\d)/, "$1._orig_mod"))],
    ["FSDP's chunks", renamed(weights, (name) => name.replace(/^blocks\.(\d)/, "blocks.$1.$1"))],
    [
      "PEFT's",
      below(
        "base_model.model.",
        renamed(weights, (name) => name.replace(/qkv\./, "qkv.base_layer.")),
      ),
    ],
  ])("%s give the same features", async (_, tensors) => {
    const { cls } = await dinoFeatures(dinoCase, tensors);
    expect(relativeError(cls.data, flat(dinoCase.expected.cls))).toBeLessThan(1e-4);
  });
});

describe("LoRA", () => {
  const one = caseOf("transformers: LoRA");
  const module = (one.adapts ?? "").replace(".weight", "");
  const [a, b] = (one.lora ?? []).map(f32) as [Tensors[string], Tensors[string]];
  const adapted = (scaleB = 1): Tensors => {
    const data = new Uint8Array(new Float32Array(b.data.slice().buffer).map((value) => value * scaleB).buffer);
    return {
      ...weightsOf(one),
      [`${module}.lora_A.default.weight`]: a,
      [`${module}.lora_B.default.weight`]: { ...b, data },
    };
  };
  const withConfig = (json: object): Pick<Case, "files"> => ({ files: { ...one.files, "adapter_config.json": json } });

  it("is merged with adapter_config.json's alpha", async () => {
    const image = await imageOf(withConfig({ peft_type: "LORA", r: 4, lora_alpha: one.alpha }), adapted());
    expect(relativeError(image, flat(one.expected.image))).toBeLessThan(1e-4);
  });

  it("is merged with a stored alpha, under diffusers' names", async () => {
    const alpha = { dtype: "F32", shape: [], data: new Uint8Array(Float32Array.of(one.alpha ?? 0).buffer) } as const;
    const tensors = { ...weightsOf(one), [`${module}.lora_down.weight`]: a, [`${module}.lora_up.weight`]: b };
    const image = await imageOf(one, below("base_model.model.", { ...tensors, [`${module}.alpha`]: alpha }));
    expect(relativeError(image, flat(one.expected.image))).toBeLessThan(1e-4);
  });

  it("that is not trained yet adds nothing, whatever its alpha", async () => {
    expect(await imageOf(one, adapted(0))).toEqual(await imageOf(one, weightsOf(one)));
  });

  it.each<[string, Pick<Case, "files">, RegExp]>([
    ["without a scale", one, /LoRA \(".*v_proj\.lora_B\.default\.weight"\) without its scale: .*adapter_config\.json/],
    ["of DoRA", withConfig({ lora_alpha: 4, use_dora: true }), /adapter_config\.json: use_dora is true/],
    ["of several alphas", withConfig({ lora_alpha: 4, alpha_pattern: { q: 2 } }), /alpha_pattern is \{"q":2\}/],
  ])("%s is refused", async (_, files, message) => {
    await expect(imageOf(files, adapted())).rejects.toThrow(message);
  });

  it("of an embedding is refused by name", async () => {
    const tensors = { ...weightsOf(one), "encoder.layers.0.mlp.fc1.lora_embedding_A": a };
    await expect(imageOf(one, tensors)).rejects.toThrow(/"encoder\.layers\.0\.mlp\.fc1\.lora_embedding_A"/);
  });
});

/** The nearest of 256 values, for each element. */
function encode8(tensor: Tensors[string], dtype: "F8_E4M3" | "F8_E5M2"): Tensors[string] {
  const values = floats[dtype].map((value) => (typeof value === "number" ? value : Number.NaN));
  const codes = Uint8Array.from(new Float32Array(tensor.data.slice().buffer), (x) => {
    let best = 0;
    for (const [code, value] of values.entries()) {
      if (Math.abs(value - x) < Math.abs((values[best] as number) - x)) best = code;
    }
    return best;
  });
  return { dtype, shape: tensor.shape, data: codes };
}

/** The f32 weights that stored ones stand for. */
function decode8({ dtype, shape, data }: Tensors[string]): Tensors[string] {
  const values = floats[dtype as "F8_E4M3"];
  return {
    dtype: "F32",
    shape,
    data: new Uint8Array(Float32Array.from(data, (code) => values[code] as number).buffer),
  };
}

describe("types", () => {
  it("F64 gives what F32 gives, to the last bit", async () => {
    const weights = weightsOf(clipCase);
    const doubles = Object.entries(weights).map(([name, { shape, data }]) => {
      const wide = Float64Array.from(new Float32Array(data.slice().buffer));
      return [name, { dtype: "F64" as StoredDType, shape, data: new Uint8Array(wide.buffer) }];
    });
    expect(await imageOf(clipCase, Object.fromEntries(doubles))).toEqual(await imageOf(clipCase, weights));
  });

  it.each(["F8_E4M3", "F8_E5M2"] as const)("%s gives what its values give in F32, beside F16", async (dtype) => {
    const small = Object.entries(weightsOf(clipCase)).map(([name, tensor]) => [name, encode8(tensor, dtype)] as const);
    const wide = Object.fromEntries(small.map(([name, tensor]) => [name, decode8(tensor)]));
    const norm = "post_layernorm.weight";
    const floats32 = new Float32Array((wide[norm] as Tensors[string]).data.slice().buffer);
    const half = {
      dtype: "F16" as const,
      shape: [32],
      data: new Uint8Array(Uint16Array.from(floats32, toHalf).buffer),
    };
    const image = await imageOf(clipCase, { ...Object.fromEntries(small), [norm]: half });
    expect(image).toEqual(await imageOf(clipCase, wide));
  });

  it.each<[string, string, RegExp]>([
    ["bitsandbytes' int8", "encoder.layers.0.mlp.fc1.SCB", /fc1\.SCB" says .*bitsandbytes' int8/],
    ["bitsandbytes' 4-bit", "encoder.layers.0.mlp.fc1.weight.quant_state.bitsandbytes__nf4", /bitsandbytes' 4-bit/],
    ["GPTQ", "encoder.layers.0.mlp.fc1.qweight", /fc1\.qweight" says .*GPTQ or AWQ/],
    ["8 bits with scales", "encoder.layers.0.mlp.fc1.weight_scale", /weight_scale" says .*8-bit floats with scales/],
    ["8 bits with scales, of other tools", "encoder.layers.0.mlp.fc1.scale_weight", /8-bit floats with scales/],
  ])("%s is refused by name", async (_, name, message) => {
    const tensors = { ...weightsOf(clipCase), [name]: f32(["x", [32], 0, 1]) };
    await expect(imageOf(clipCase, tensors)).rejects.toThrow(CheckpointError);
    await expect(imageOf(clipCase, tensors)).rejects.toThrow(message);
  });
});

describe("what nothing reads", () => {
  it("is an error that names it", async () => {
    const tensors = { ...weightsOf(dinoCase), "blocks.1.attn.q_norm.weight": f32(["x", [16], 1, 0]) };
    await expect(dinoFeatures(dinoCase, tensors)).rejects.toThrow(CheckpointError);
    await expect(dinoFeatures(dinoCase, tensors)).rejects.toThrow(/does not read: "blocks\.1\.attn\.q_norm\.weight"/);
  });

  it("is none for more layers than config.json says, either", async () => {
    const tensors = { ...weightsOf(clipCase), "encoder.layers.2.layer_norm1.weight": f32(["x", [32], 1, 0]) };
    await expect(imageOf(clipCase, tensors)).rejects.toThrow(/"encoder\.layers\.2\.layer_norm1\.weight"/);
  });

  it("is told of heads and buffers: they are beside the model", async () => {
    const tensors = {
      ...weightsOf(dinoCase),
      "head.weight": f32(["x", [8, 32], 0, 1]),
      mask_token: f32(["x", [1, 32], 0, 1]),
    };
    const { cls } = await dinoFeatures(dinoCase, tensors);
    expect(relativeError(cls.data, flat(dinoCase.expected.cls))).toBeLessThan(1e-4);
  });

  it("is the other tower where config.json is of one", async () => {
    const tensors = {
      ...below("vision_model.", weightsOf(clipCase)),
      "text_projection.weight": f32(["x", [24, 32], 0, 1]),
    };
    expect(relativeError(await imageOf(clipCase, tensors), flat(clipCase.expected.image))).toBeLessThan(1e-4);
  });
});

it("an image tower works beside what is left of a text tower", async () => {
  const left = { "text_model.final_layer_norm.weight": f32(["x", [32], 1, 0]) };
  const image = await imageOf(clipCase, { ...below("vision_model.", weightsOf(clipCase)), ...left });
  expect(relativeError(image, flat(clipCase.expected.image))).toBeLessThan(1e-4);
});

/** The case with another config.json of timm. */
const timm = (change: object): Pick<Case, "files"> => {
  const config = dinoCase.files["config.json"] as { model_args: object };
  const { model_args, ...rest } = config;
  return { files: { "config.json": { ...rest, model_args: { ...model_args, ...change }, ...change } } };
};

it.each<[object, RegExp]>([
  [
    { architecture: "vit_small_patch16_rope_224" },
    /architecture "vit_small_patch16_rope_224", which Dino does not know/,
  ],
  [{ qk_norm: true }, /model_args: qk_norm is true, which Dino does not read/],
  [{ class_token: false }, /class_token is false/],
  [{ norm_layer: "rmsnorm" }, /norm_layer is "rmsnorm", expected layernorm/],
  [{ act_layer: "mish" }, /act_layer is "mish", expected one of gelu/],
  [{ num_heads: 3 }, /32 channels do not divide into 3 heads/],
  [{ img_size: [32, 40] }, /img_size is \[32,40\], expected a number or two that are equal/],
  [{ img_size: 40 }, /"pos_embed" has 16 positions, expected those of a square grid of 5 x 5 patches/],
])("timm's %j is refused", async (change, message) => {
  await expect(dinoFeatures(timm(change), weightsOf(dinoCase))).rejects.toThrow(message);
});

it("a folder of no CLIP says which names it has", async () => {
  await inFolder(clipCase, { "some.weight": f32(["x", [2], 0, 1]) }, async (folder) => {
    await writeFile(join(folder, "config.json"), JSON.stringify({ model_type: "clip" }));
    const loading = Clip.fromPretrained(folder, { device: await testDevice() });
    await expect(loading).rejects.toThrow(
      /neither CLIP's image tower nor its text tower: it begins with "some.weight"/,
    );
  });
});
