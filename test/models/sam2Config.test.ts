// What the files of a checkpoint of SAM 2 say: sizes by config.json or by the tensors of facebookresearch/sam2, how
// pictures are brought to the model, and what cannot be.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import { CheckpointError } from "../../src/device/errors.ts";
import { plan } from "../../src/graph/plan.ts";
import type { ModelFiles } from "../../src/models/family.ts";
import { graphOf, type Part } from "../../src/models/part.ts";
import { originalSam2Naming } from "../../src/models/sam2/original.ts";
import { sam2Config } from "../../src/models/sam2/readConfig.ts";
import { readSam2 } from "../../src/models/sam2/readSam2.ts";
import { sam2VideoConfig } from "../../src/models/sam2/videoConfig.ts";
import { sam2Video } from "../../src/models/sam2/videoFamily.ts";
import { videoEncoderPart, videoObjectPart } from "../../src/models/sam2/videoParts.ts";
import { unreadTensors } from "../../src/models/unread.ts";
import { Weights } from "../../src/models/weights.ts";

const FILE = "preprocessor_config.json";

/** As lavapipe has them. */
const TRAITS = {
  info: { class: "cpu-lavapipe" },
  hasF16: true,
  hasSubgroups: true,
  subgroupSize: 8,
  limits: {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16 << 10,
    maxStorageBufferBindingSize: 128 << 20,
  },
} as const;

function filesOf(golden: string, changes: Partial<ModelFiles> = {}): ModelFiles {
  const rows = JSON.parse(readFileSync(`test/golden/${golden}/manifest.json`, "utf8")) as SeededRow[];
  const tensors = new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }]));
  return { name: golden, tensors, config: undefined, openClip: undefined, processor: undefined, ...changes };
}

const json = (golden: string) => JSON.parse(readFileSync(`test/golden/${golden}/config.json`, "utf8"));

describe("the original names", () => {
  it("alone say the sizes that transformers' config.json says", async () => {
    const published = readSam2(filesOf("sam2.1-hiera-tiny", { config: json("sam2.1-hiera-tiny") }));
    const original = readSam2(filesOf("sam2.1-hiera-tiny-original"));
    expect(original.config).toEqual(published.config);
    expect(original.config).toEqual(sam2Config({ model_type: "sam2" }));
    expect(original.recipe).toEqual(published.recipe);
  });

  it.each([
    ["vision_encoder.backbone.patch_embed.projection.weight", "image_encoder.trunk.patch_embed.proj.weight"],
    ["vision_encoder.backbone.blocks.3.layer_norm2.bias", "image_encoder.trunk.blocks.3.norm2.bias"],
    ["vision_encoder.backbone.blocks.3.mlp.proj_out.bias", "image_encoder.trunk.blocks.3.mlp.layers.1.bias"],
    ["vision_encoder.backbone.blocks.3.proj.weight", "image_encoder.trunk.blocks.3.proj.weight"],
    ["vision_encoder.neck.convs.2.weight", "image_encoder.neck.convs.2.conv.weight"],
    ["shared_image_embedding.positional_embedding", "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"],
    ["prompt_encoder.point_embed.3.weight", "sam_prompt_encoder.point_embeddings.3.weight"],
    ["mask_decoder.transformer.layers.1.mlp.lin2.weight", "sam_mask_decoder.transformer.layers.1.mlp.layers.1.weight"],
    ["mask_decoder.pred_obj_score_head.proj_in.bias", "sam_mask_decoder.pred_obj_score_head.layers.0.bias"],
    ["mask_decoder.iou_prediction_head.layers.0.bias", "sam_mask_decoder.iou_prediction_head.layers.1.bias"],
    [
      "mask_decoder.output_hypernetworks_mlps.2.proj_out.bias",
      "sam_mask_decoder.output_hypernetworks_mlps.2.layers.2.bias",
    ],
    ["mask_decoder.conv_s0.weight", "sam_mask_decoder.conv_s0.weight"],
    ["no_memory_embedding", "no_mem_embed"],
  ])("%s is %s", (ours, theirs) => {
    expect(originalSam2Naming(ours)).toEqual({ name: theirs });
    expect(filesOf("sam2.1-hiera-tiny-original").tensors.has(theirs)).toBe(true);
  });

  it("of a size that is not published need a config.json", async () => {
    const files = filesOf("sam2.1-hiera-tiny-original");
    const tensors = new Map([...files.tensors].filter(([name]) => !name.startsWith("image_encoder.trunk.blocks.11.")));
    expect(() => readSam2({ ...files, tensors })).toThrow(/has 11 blocks and no config\.json; SAM 2 is published/);
  });
});

describe("config.json", () => {
  const backbone = (backbone_config: object) => ({ vision_config: { backbone_config } });

  it.each<[string, object, RegExp]>([
    ["another family", { model_type: "sam" }, /says model_type "sam", expected "sam2" or "sam2_video"/],
    ["no object", { vision_config: 3 }, /vision_config must be a JSON object, got 3/],
    ["stages of three", backbone({ blocks_per_stage: [1, 2, 3] }), /blocks_per_stage is \[1,2,3\], expected 4 whole/],
    ["half a head", backbone({ num_attention_heads_per_stage: [1, 2, 4, 0.5] }), /expected 4 whole numbers from 1/],
    ["heads that do not fit", backbone({ num_attention_heads_per_stage: [5, 2, 4, 8] }), /96 channels of stage 0/],
    ["an odd window", backbone({ window_size_per_stage: [8, 4, 7, 7] }), /window_size_per_stage has 7/],
    ["a global block that opens a stage", backbone({ global_attention_blocks: [3] }), /has 3, which opens a stage/],
    ["another patch", backbone({ patch_stride: [2, 2] }), /patch_stride is 2, expected 4/],
    ["an oblong picture", backbone({ image_size: [1024, 512] }), /image_size is \[1024,512\]/],
    ["a picture that windows do not divide", backbone({ image_size: 1008 }), /image_size 1008 is no multiple/],
    ["a first width of its own", backbone({ hidden_size: 112 }), /begins with 96, expected the hidden_size 112/],
    ["another kernel of the pyramid", { vision_config: { fpn_kernel_size: 3 } }, /fpn_kernel_size is 3, expected 1/],
    ["other levels", { vision_config: { num_feature_levels: 4 } }, /num_feature_levels is 4, expected 3/],
    ["two widths", { vision_config: { fpn_hidden_size: 128 } }, /are 128, 256, 256, expected one width/],
    ["three layers", { mask_decoder_config: { num_hidden_layers: 3 } }, /num_hidden_layers is 3, expected 2/],
    [
      "a flag that is none",
      { mask_decoder_config: { dynamic_multimask_via_stability: 1 } },
      /dynamic_multimask_via_stability is 1, expected true or false/,
    ],
  ])("refuses %s", (_, config, message) => {
    expect(() => sam2Config(config)).toThrow(CheckpointError);
    expect(() => sam2Config(config)).toThrow(message);
  });

  it("may switch the choice by stability off", () => {
    const { decoder } = sam2Config({ mask_decoder_config: { dynamic_multimask_via_stability: false } });
    expect(decoder.dynamic_multimask_via_stability).toBe(false);
  });
});

describe("pictures", () => {
  const recipe = async (processor: object) =>
    readSam2(filesOf("small-sam2", { config: json("small-sam2"), processor: { file: FILE, json: processor } })).recipe;

  it("are squashed to the model's square", async () => {
    const published = { image_processor_type: "Sam2ImageProcessorFast", processor_class: "Sam2VideoProcessor" };
    const { resize, crop, pad } = await recipe({ ...published, do_pad: null, size: { height: 256, width: 256 } });
    expect([resize, crop, pad]).toEqual([[256, 256], undefined, undefined]);
  });

  it.each([
    {},
    { size: { height: 128, width: 256 } },
    { size: 256, do_resize: false },
    { size: 256, do_center_crop: true, crop_size: 256 },
  ])("are not brought there by %j, and the error says what would do", async (settings) => {
    await expect(recipe(settings)).rejects.toThrow(
      /SAM 2 resizes pictures to the model's 256 x 256: expected do_resize/,
    );
  });
});

describe("for videos", () => {
  const original = filesOf("sam2.1-hiera-tiny-original");

  it.each([
    ["transformers' names", filesOf("sam2.1-hiera-tiny", { config: json("sam2.1-hiera-tiny") })],
    ["the original names", original],
  ])("%s: every tensor is read, and sizes are transformers'", async (_, files) => {
    const model = await sam2Video.read(files);
    expect(unreadTensors(files, sam2Video, model)).toEqual([]);
    expect(model.config).toEqual(sam2VideoConfig({ model_type: "sam2_video" }));
  });

  it("SAM 2.0 under the original names has neither codes of times for pointers nor one of occlusion", async () => {
    const isLater = (name: string) => /^(no_obj_embed_spatial|obj_ptr_tpos_proj\.)/.test(name);
    const tensors = new Map([...original.tensors].filter(([name]) => !isLater(name)));
    const model = await sam2Video.read({ ...original, tensors });
    expect(model.config.memory).toMatchObject({
      enable_occlusion_spatial_embedding: false,
      enable_temporal_pos_encoding_for_object_pointers: false,
    });
    expect(unreadTensors({ ...original, tensors }, sam2Video, model)).toEqual([]);
  });

  it.each<[object, RegExp]>([
    [{ memory_attention_rope_feat_sizes: [32, 32] }, /rope_feat_sizes is \[32,32\], expected \[64,64\]/],
    [{ max_cond_frame_num: 4 }, /max_cond_frame_num is 4, expected -1/],
    [{ num_maskmem: 0 }, /num_maskmem is 0/],
    [{ memory_fuser_kernel_size: 5 }, /memory_fuser_kernel_size is 5, expected 7/],
    [{ multimask_output_in_sam: "yes" }, /multimask_output_in_sam is "yes", expected true or false/],
    [{ rope_parameters: { rope_type: "default" } }, /rope_type is "default", expected "axial"/],
    [{ memory_encoder_output_channels: 60 }, /a width of 256 does not divide/],
  ])("refuses %j", (settings, message) => {
    const read = () => sam2VideoConfig({ model_type: "sam2_video", ...settings });
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });

  it("a frame of the published size: dispatches to encode it, and for objects in it", async () => {
    const files = filesOf("sam2.1-hiera-tiny", { config: json("sam2.1-hiera-tiny") });
    const { config, naming } = await sam2Video.read(files);
    const sizes = { slots: 20, frames: 10, pointers: 19, size: [480, 854] as const, hasLogits: false };
    const parts = {
      encoder: videoEncoderPart({ config, dtype: "f32" }),
      object: videoObjectPart({ config, dtype: "f32", ...sizes, objects: 1, T: 8, isMultimask: true, by: "memory" }),
      objects: videoObjectPart({ config, dtype: "f32", ...sizes, objects: 4, T: 8, isMultimask: true, by: "memory" }),
    };
    const summaries = Object.entries(parts).map(([name, part]) => {
      const graph = graphOf(part as Part, (into) => Weights.of(into, files, "f32", naming));
      return [name, plan(graph, TRAITS).summary()] as const;
    });
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
    for (const [name, { dispatches, weightBytes, activationBytes, flops }] of summaries) {
      const bytes = `weights ${megabytes(weightBytes)}, activations ${megabytes(activationBytes)}`;
      console.log(`sam2.1-hiera-tiny, ${name}: ${dispatches} dispatches, ${bytes}, ${(flops / 1e9).toFixed(0)} GFLOP`);
    }
    const { encoder, object, objects } = Object.fromEntries(summaries);
    expect(encoder?.dispatches).toBeLessThanOrEqual(130);
    expect(object?.dispatches).toBeLessThanOrEqual(241);
    expect(objects?.dispatches).toBeLessThanOrEqual(454); // four at once, not 4 * 241
  });
});
