// What config.json of timm says: architectures under their old and new names, and arguments that would change results.
import { expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import { timmSettings } from "../../src/models/dino/timm.ts";

const of = (architecture: string, model_args?: object) => timmSettings({ architecture, model_args }, 384);

it.each([
  "vit_small_patch16_224_dino",
  "vit_small_patch16_224_in21k",
  "vit_small_patch14_dinov2.lvd142m",
  "vit_small_patch14_reg4_dinov2.lvd142m",
  "vit_small_patch16_dinov3.lvd1689m",
])("%s is known", (architecture) => {
  expect(of(architecture)).toMatchObject({ num_heads: 6, isDinov3: architecture.includes("dinov3") });
});

it.each([
  ["vit_small_patch16_dinov3", { rope_rotate_half: false }, /rope_rotate_half is false/],
  ["vit_small_patch16_dinov3", { use_rot_pos_emb: false }, /use_rot_pos_emb is false/],
  ["vit_small_patch16_dinov3", { use_abs_pos_emb: true }, /use_abs_pos_emb is true/],
  ["eva_large_patch14_196", { use_rot_pos_emb: true }, /use_rot_pos_emb is true/],
  ["vit_small_patch16_224", { class_token: false }, /class_token is false/],
  ["vit_small_patch16_224", { qk_norm: true }, /qk_norm is true/],
])("%s with %j is refused by name", (architecture, args, message) => {
  expect(() => of(architecture, args)).toThrow(CheckpointError);
  expect(() => of(architecture, args)).toThrow(message);
});

it.each([
  ["vit_small_patch16_dinov3", { use_rot_pos_emb: true, use_abs_pos_emb: false, rope_rotate_half: true }],
  ["eva_large_patch14_196", { use_rot_pos_emb: false, use_abs_pos_emb: true }],
  ["vit_small_patch16_224", { class_token: true, qk_norm: false, dynamic_img_size: true }],
])("%s with %j, which change nothing, loads", (architecture, args) => {
  expect(of(architecture, args)).toMatchObject({ final_norm: true });
});

it("without a norm of the tokens", () => {
  expect(of("vit_small_patch16_224", { final_norm: false })?.final_norm).toBe(false);
  expect(of("vit_small_patch16_dinov3", { use_post_transformer_norm: false })?.final_norm).toBe(false);
});
