// What config.json of EdgeTAM says, and what cannot be.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import { CheckpointError } from "../../src/device/errors.ts";
import { edgeTamConfig, edgeTamVideoConfig } from "../../src/models/edgetam/readConfig.ts";
import { sam2Video } from "../../src/models/sam2/videoFamily.ts";
import { unreadTensors } from "../../src/models/unread.ts";

const published = JSON.parse(readFileSync("test/golden/edgetam/config.json", "utf8"));

describe("config.json as published", () => {
  it("has RepViT's sizes by its name, and latents in place of a frame's places", () => {
    const { vision, memory, perceiver, image_size } = edgeTamVideoConfig(published);
    expect(image_size).toBe(1024);
    expect(vision).toMatchObject({ backbone_config: { embed_dim: [48, 96, 192, 384], depth: [2, 2, 14, 2] } });
    expect(memory).toMatchObject({ memory_attention_num_layers: 2, memory_encoder_output_channels: 64 });
    expect(perceiver).toMatchObject({ perceiver_resampler_num_latents: 256, perceiver_resampler_num_latents_2d: 256 });
  });

  it.each(["edgetam", "small-edgetam"])("%s: a video reads every tensor", async (golden) => {
    const read = (name: string) => JSON.parse(readFileSync(`test/golden/${golden}/${name}`, "utf8"));
    const rows = read("manifest.json") as SeededRow[];
    const tensors = new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }]));
    const rest = { openClip: undefined, processor: undefined };
    const files = { name: golden, tensors, config: read("config.json"), ...rest };
    expect(unreadTensors(files, sam2Video, await sam2Video.read(files))).toEqual([]);
  });
});

describe("refuses", () => {
  const vision = (changes: object) => ({ vision_config: { ...published.vision_config, ...changes } });
  const backbone = (changes: object) =>
    vision({ backbone_config: { ...published.vision_config.backbone_config, ...changes } });

  it.each<[string, object, RegExp]>([
    ["another family", { model_type: "sam2" }, /says model_type "sam2", expected "edgetam" or "edgetam_video"/],
    ["SAM 2's backbone", { vision_config: {} }, /vision_config has no model_type, expected "edgetam_vision_model"/],
    [
      "another backbone",
      backbone({ architecture: "resnet50" }),
      /architecture is "resnet50", expected one of repvit_m1/,
    ],
    ["a backbone not of timm", backbone({ model_type: "sam2_hiera_det_model" }), /expected "timm_wrapper"/],
    ["grey pictures", backbone({ model_args: { in_chans: 1 } }), /in_chans is 1, expected 3/],
    ["fewer stages", backbone({ model_args: { out_indices: [1, 2, 3] } }), /out_indices is \[1,2,3\]/],
    ["an argument that is not known", backbone({ model_args: { kernel_size: 5 } }), /model_args has "kernel_size"/],
    [
      "three widths",
      backbone({ model_args: { embed_dim: [8, 16, 32] } }),
      /embed_dim is \[8,16,32\], expected 4 whole/,
    ],
    ["a flag that is none", backbone({ model_args: { legacy: "yes" } }), /legacy is "yes"/],
    [
      "other widths in the neck",
      vision({ backbone_channel_list: [8, 8, 8, 8] }),
      /backbone_channel_list is \[8,8,8,8\]/,
    ],
    ["another kernel of the neck", vision({ fpn_kernel_size: 3 }), /fpn_kernel_size is 3, expected 1/],
    ["a size that stages do not divide", { prompt_encoder_config: { image_size: 1000 } }, /1000 is no multiple of 32/],
    ["maps of another size", { prompt_encoder_config: { image_size: 512 } }, /backbone_feature_sizes is \[\[256,256\]/],
    ["two widths", { mask_decoder_config: { hidden_size: 128 } }, /are 256, 256, 128, expected one width/],
  ])("%s", (_, changes, message) => {
    const read = () => edgeTamConfig({ ...published, ...changes });
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });

  it.each<[object, RegExp]>([
    [{ perceiver_resampler_num_attention_heads: 2 }, /num_attention_heads is 2, expected 1/],
    [{ perceiver_resampler_hidden_size: 32 }, /perceiver_resampler_hidden_size is 32, expected 64/],
    [{ perceiver_resampler_num_latents: 0 }, /perceiver_resampler_num_latents is 0/],
    [{ perceiver_resampler_num_latents_2d: 200 }, /latents_2d is 200, expected the square of a number that divides/],
    [{ perceiver_resampler_num_latents_2d: 64 }, /memory_attention_rope_k_sizes is \[16,16\], expected \[8,8\]/],
    [{ memory_attention_mlp_hidden_act: "mish" }, /memory_attention_mlp_hidden_act: hidden_act "mish"/],
    [{ max_cond_frame_num: 4 }, /max_cond_frame_num is 4, expected -1/],
  ])("%j", (changes, message) => {
    const read = () => edgeTamVideoConfig({ ...published, ...changes });
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });
});
