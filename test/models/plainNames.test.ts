// Names of tensors without what training tools put around them.
import { expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import { plainNames } from "../../src/models/plainNames.ts";

/** A few names of each family, the one that it is known by among them. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  "CLIP of transformers": [
    "logit_scale",
    "vision_model.embeddings.patch_embedding.weight",
    "text_model.embeddings.token_embedding.weight",
    "text_model.encoder.layers.0.mlp.fc1.weight",
  ],
  "CLIP of open_clip": ["visual.conv1.weight", "token_embedding.weight", "transformer.resblocks.0.ln_1.weight"],
  "CLIP's ResNet": ["visual.conv1.weight", "visual.layer1.0.conv1.weight", "token_embedding.weight"],
  "CLIP's text tower alone": ["embeddings.token_embedding.weight", "encoder.layers.0.mlp.fc1.weight"],
  "DINO of Facebook": ["patch_embed.proj.weight", "blocks.0.norm1.weight", "blocks.11.norm1.weight"],
  "DINO of transformers": ["embeddings.patch_embeddings.projection.weight", "encoder.layer.0.norm1.weight"],
  "a ResNet": ["conv1.weight", "layer1.0.conv1.weight"],
  SAM: ["image_encoder.patch_embed.proj.weight", "mask_decoder.iou_token.weight"],
};

const plain = (names: readonly string[]) => Object.fromEntries(plainNames("a file", names));

it.each(Object.entries(FAMILIES))("%s behind any prefix", (_, names) => {
  const prefixes = ["", "module.", "_orig_mod.", "model.", "base_model.model.", "teacher.backbone."];
  for (const prefix of [...prefixes, "encoder.", "student.module.encoder_q.", "net._orig_mod.module."]) {
    expect(plain(names.map((name) => prefix + name))).toEqual(
      Object.fromEntries(names.map((name) => [name, prefix + name])),
    );
  }
});

it("drops wrappers within names", () => {
  const names = {
    "blocks.0._orig_mod.norm1.weight": "blocks.0.norm1.weight",
    "patch_embed.proj.weight": "patch_embed.proj.weight",
    "blocks.0._checkpoint_wrapped_module.attn.qkv.base_layer.weight": "blocks.0.attn.qkv.weight",
    "blocks.0.attn.qkv.lora_A.default.weight": "blocks.0.attn.qkv.lora_A.default.weight",
  };
  expect([...plainNames("a file", Object.keys(names)).keys()]).toEqual(Object.values(names));
});

it("numbers blocks of FSDP's chunks as the whole does", () => {
  const chunks = ["patch_embed.proj.weight", "blocks.0.0.norm1.weight", "blocks.1.6.norm1.weight"];
  const names = [...plainNames("a file", chunks).keys()];
  expect(names).toEqual(["patch_embed.proj.weight", "blocks.0.norm1.weight", "blocks.6.norm1.weight"]);
});

it("takes the teacher, and leaves out what is beside the backbone", () => {
  const of = (who: string) => [`${who}.backbone.patch_embed.proj.weight`, `${who}.dino_head.last_layer.weight`];
  expect(plain([...of("student"), ...of("teacher")])).toEqual({
    "patch_embed.proj.weight": "teacher.backbone.patch_embed.proj.weight",
  });
});

it.each<[readonly string[], RegExp]>([
  [
    ["model.patch_embed.proj.weight", "model_ema.patch_embed.proj.weight"],
    /several models, below "model\.", "model_ema/,
  ],
  [
    ["patch_embed.proj.weight", "norm.weight", "_orig_mod.norm.weight"],
    /two tensors for "norm\.weight": "norm\.weight" and "_orig_mod\.norm\.weight"/,
  ],
])("refuses %j", (names, message) => {
  expect(() => plain(names)).toThrow(CheckpointError);
  expect(() => plain(names)).toThrow(message);
});
