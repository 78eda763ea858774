// Sizes of SAM 2's image encoder; those of its prompt encoder and mask decoder are SAM's (models/sam/config.ts).
import type { Activation } from "../../kernels/activation.ts";

/** Hiera, the backbone. One number a stage, where it is a list. */
export interface HieraConfig {
  readonly hidden_size: number;
  readonly blocks_per_stage: readonly number[];
  readonly embed_dim_per_stage: readonly number[];
  readonly num_attention_heads_per_stage: readonly number[];
  /** Sides of windows in places of the stage's map. */
  readonly window_size_per_stage: readonly number[];
  /** Blocks, counted through all stages, that attend to the whole map. */
  readonly global_attention_blocks: readonly number[];
  /** Places [height, width] of the position code that is resized to the map. */
  readonly window_positional_embedding_background_size: readonly [number, number];
  readonly mlp_ratio: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
}

/** SAM 2's image encoder: Hiera, and a feature pyramid of its stages. */
export interface Sam2VisionConfig {
  readonly model_type: "sam2_vision_model";
  readonly image_size: number;
  readonly backbone_config: HieraConfig;
  /** Width of the pyramid. */
  readonly fpn_hidden_size: number;
  /** Stages to whose map that of the next coarser stage is added. */
  readonly fpn_top_down_levels: readonly number[];
}
