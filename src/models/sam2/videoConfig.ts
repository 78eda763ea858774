// What SAM 2 remembers of a video: sizes as in config.json of a Sam2VideoModel, with the class defaults of
// transformers' Sam2VideoConfig (models/sam2_video/configuration_sam2_video.py).
import { CheckpointError } from "../../device/errors.ts";
import type { Activation } from "../../kernels/activation.ts";
import type { PerceiverConfig } from "../edgetam/config.ts";
import { type Fields, integer, number, object, only } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import type { SamConfig } from "../sam/config.ts";
import { sam2Config } from "./readConfig.ts";

/** SAM 2 for videos: its sizes on pictures, and those of its memory. */
export interface Sam2VideoConfig extends SamConfig {
  readonly memory: Sam2MemoryConfig;
  /** EdgeTAM's, which makes the memory of a frame small. */
  readonly perceiver?: PerceiverConfig;
}

/** Rows that are remembered of a frame: its places, or the perceiver's latents. */
export function memoryRows({ image_embedding_size: side, perceiver }: Sam2VideoConfig): number {
  if (!perceiver) return side * side;
  return perceiver.perceiver_resampler_num_latents + perceiver.perceiver_resampler_num_latents_2d;
}

export interface Sam2MemoryConfig {
  /** Frames that a frame looks at, of which the prompted ones count as one. */
  readonly num_maskmem: number;
  readonly max_object_pointers_in_encoder: number;
  /** A frame with so many clicks (corners of a box count) gives the best of three masks, else the single one. */
  readonly multimask_min_pt_num: number;
  readonly multimask_max_pt_num: number;
  readonly multimask_output_in_sam: boolean;
  readonly multimask_output_for_tracking: boolean;
  readonly sigmoid_scale_for_mem_enc: number;
  readonly sigmoid_bias_for_mem_enc: number;
  readonly enable_occlusion_spatial_embedding: boolean;
  readonly enable_temporal_pos_encoding_for_object_pointers: boolean;
  readonly memory_attention_num_layers: number;
  readonly memory_attention_num_attention_heads: number;
  readonly memory_attention_feed_forward_hidden_act: Activation;
  readonly rope_theta: number;
  /** Channels of a memory. */
  readonly memory_encoder_output_channels: number;
  readonly mask_downsampler_hidden_act: Activation;
  readonly memory_fuser_num_layers: number;
  readonly memory_fuser_hidden_act: Activation;
}

/** Of the convolutions that bring a mask to the size of the embedding, which halve it. */
export const MASK_DOWNSAMPLER_LAYERS = 4;

/**
 * Reads config.json of a Sam2VideoModel.
 *
 * @throws CheckpointError on another model, absurd or unknown settings
 */
export function sam2VideoConfig(json: unknown): Sam2VideoConfig {
  const config = sam2Config(json);
  const part: Fields = { file: "config.json", json: object(json, "config.json") };
  return { ...config, memory: memoryConfig(part, config) };
}

/** What differs from model to model: defaults, and keys of one meaning. */
const SAM2 = { layers: 4, feedForwardAct: "memory_attention_feed_forward_hidden_act" };

/** Of a checkpoint under the original names, all of which have the same: sam2/configs/sam2.1/*.yaml. */
export function memoryConfig(
  part: Fields,
  { image_size, image_embedding_size: side, prompt }: SamConfig,
  { layers, feedForwardAct }: typeof SAM2 = SAM2,
) {
  const width = prompt.hidden_size;
  const same = { image_size, memory_attention_hidden_size: width, memory_encoder_hidden_size: width };
  const widths = { mask_downsampler_embed_dim: width, memory_fuser_embed_dim: width };
  const fixed = { mask_downsampler_kernel_size: 3, mask_downsampler_stride: 2, mask_downsampler_padding: 1 };
  const others = { memory_fuser_kernel_size: 7, memory_fuser_padding: 3, mask_downsampler_total_stride: 16 };
  const unread = { memory_attention_downsample_rate: 1, max_cond_frame_num: -1 };
  for (const [key, value] of Object.entries({ ...same, ...widths, ...fixed, ...others, ...unread }))
    only(part, key, value);
  onlyList(part, "memory_attention_rope_feat_sizes", [side, side]);
  const rope = object(part.json.rope_parameters ?? {}, "rope_parameters");
  only({ file: "config.json: rope_parameters", json: rope }, "rope_type", "axial");
  const heads = integer(part, "memory_attention_num_attention_heads", 1, 1, 1 << 10);
  const channels = integer(part, "memory_encoder_output_channels", 64, 1, 1 << 14);
  if (width % (4 * heads) || width % channels) {
    throw new CheckpointError(
      `config.json: a width of ${width} does not divide into ${heads} heads of whole fours and parts of ${channels}`,
    );
  }
  return {
    num_maskmem: integer(part, "num_maskmem", 7, 1, 64),
    max_object_pointers_in_encoder: integer(part, "max_object_pointers_in_encoder", 16, 1, 1 << 10),
    multimask_min_pt_num: integer(part, "multimask_min_pt_num", 0, 0, 1 << 10),
    multimask_max_pt_num: integer(part, "multimask_max_pt_num", 1, 0, 1 << 10),
    multimask_output_in_sam: flag(part, "multimask_output_in_sam"),
    multimask_output_for_tracking: flag(part, "multimask_output_for_tracking"),
    sigmoid_scale_for_mem_enc: number(part, "sigmoid_scale_for_mem_enc", 20, -1e3, 1e3),
    sigmoid_bias_for_mem_enc: number(part, "sigmoid_bias_for_mem_enc", -10, -1e3, 1e3),
    enable_occlusion_spatial_embedding: flag(part, "enable_occlusion_spatial_embedding"),
    enable_temporal_pos_encoding_for_object_pointers: flag(part, "enable_temporal_pos_encoding_for_object_pointers"),
    memory_attention_num_layers: integer(part, "memory_attention_num_layers", layers, 1, 64),
    memory_attention_num_attention_heads: heads,
    memory_attention_feed_forward_hidden_act: act(part, feedForwardAct, "relu"),
    rope_theta: number({ file: "config.json: rope_parameters", json: rope }, "rope_theta", 10000, 1, 1e9),
    memory_encoder_output_channels: channels,
    mask_downsampler_hidden_act: act(part, "mask_downsampler_hidden_act", "gelu"),
    memory_fuser_num_layers: integer(part, "memory_fuser_num_layers", 2, 1, 64),
    memory_fuser_hidden_act: act(part, "memory_fuser_hidden_act", "gelu"),
  } satisfies Sam2MemoryConfig;
}

function flag({ file, json }: Fields, key: string): boolean {
  const value = json[key] ?? true;
  if (typeof value === "boolean") return value;
  throw new CheckpointError(`${file}: ${key} is ${JSON.stringify(value)}, expected true or false`);
}

function act({ file, json }: Fields, key: string, fallback: Activation): Activation {
  return hiddenAct({ file: `${file}: ${key}`, json: { hidden_act: json[key] } }, fallback);
}

export function onlyList({ file, json }: Fields, key: string, expected: readonly unknown[]): void {
  const value = json[key] ?? expected;
  if (JSON.stringify(value) === JSON.stringify(expected)) return;
  throw new CheckpointError(`${file}: ${key} is ${JSON.stringify(value)}, expected ${JSON.stringify(expected)}`);
}
