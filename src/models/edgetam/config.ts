// Sizes of EdgeTAM where it is not SAM 2: its backbone, and the perceiver that makes a frame's memory small.

/** RepViT, the backbone: arguments of timm's class of that name. One number a stage, where it is a list. */
export interface RepVitConfig {
  readonly embed_dim: readonly number[];
  readonly depth: readonly number[];
  /** The 1x1 branch of a token mixer has a norm of its own; else one norm comes after all branches. */
  readonly legacy: boolean;
}

/** EdgeTAM's image encoder: RepViT, and SAM 2's feature pyramid of its stages. */
export interface EdgeTamVisionConfig {
  readonly model_type: "edgetam_vision_model";
  readonly image_size: number;
  readonly backbone_config: RepVitConfig;
  /** Width of the pyramid. */
  readonly fpn_hidden_size: number;
  /** Stages to whose map that of the next coarser stage is added. */
  readonly fpn_top_down_levels: readonly number[];
}

/** The perceiver: what is remembered of a frame is a row for each of its latents. */
export interface PerceiverConfig {
  /** Latents that look at the whole map. */
  readonly perceiver_resampler_num_latents: number;
  /** Latents that look at a window of the map each: a square number. */
  readonly perceiver_resampler_num_latents_2d: number;
  readonly perceiver_resampler_num_layers: number;
}
