// Sizes of SAM. readConfig.ts reads config.json into them, original.ts the tensors of files that come without one.
import type { Activation } from "../../kernels/activation.ts";
import type { EdgeTamVisionConfig } from "../edgetam/config.ts";
import type { Sam2VisionConfig } from "../sam2/config.ts";

/** SAM's image encoder: a ViT whose attention is in windows but for some layers. */
export interface SamVisionConfig {
  readonly model_type: "sam_vision_model";
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly mlp_dim: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
  readonly image_size: number;
  readonly patch_size: number;
  readonly window_size: number;
  readonly global_attn_indexes: readonly number[];
  readonly output_channels: number;
}

/** MobileSAM's image encoder; one number a stage. */
export interface TinyVitConfig {
  readonly model_type: "tiny_vit";
  readonly image_size: number;
  readonly patch_size: number;
  readonly output_channels: number;
  readonly embed_dims: readonly number[];
  readonly depths: readonly number[];
  readonly num_heads: readonly number[];
  readonly window_sizes: readonly number[];
}

export interface SamPromptConfig {
  readonly hidden_size: number;
  readonly mask_input_channels: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
}

export interface SamDecoderConfig {
  readonly hidden_size: number;
  readonly hidden_act: Activation;
  readonly mlp_dim: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly attention_downsample_rate: number;
  readonly num_multimask_outputs: number;
  /** Of the norms within a layer: 1e-6 in transformers, 1e-5 in the original; the last norm has 1e-5 in both. */
  readonly layer_norm_eps: number;
  /** A token and a head say whether the object is there at all: SAM 2. */
  readonly pred_obj_scores?: boolean;
  /** Where one mask is asked for and it is not stable, the best of the others is given: SAM 2. */
  readonly dynamic_multimask_via_stability?: boolean;
  /** How far the threshold of logits is moved to see whether a mask is stable. */
  readonly dynamic_multimask_stability_delta?: number;
  /** The least share of a stable mask that stays. */
  readonly dynamic_multimask_stability_thresh?: number;
}

export interface SamConfig {
  /** Pixels of a side of the square that the image encoder takes. */
  readonly image_size: number;
  /** Places of a side of the image embedding; masks have 4 times as many. */
  readonly image_embedding_size: number;
  readonly vision: SamVisionConfig | TinyVitConfig | Sam2VisionConfig | EdgeTamVisionConfig;
  readonly prompt: SamPromptConfig;
  readonly decoder: SamDecoderConfig;
}
