// Sizes of DINO's Vision Transformers. readConfig.ts reads transformers' config.json into them, tensors.ts those of
// other files.
import type { Activation } from "../../kernels/activation.ts";

export interface DinoConfig {
  readonly model_type: "vit" | "dinov2" | "dinov2_with_registers" | "dinov3_vit";
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
  readonly image_size: number;
  readonly patch_size: number;
  /** Tokens between the class token and the patches. */
  readonly num_register_tokens: number;
  /** Tokens before the patches that have a position of their own, the class token (1) when absent. */
  readonly embedded_prefix_tokens?: number;
  /** False where the tokens have no norm after the last layer. */
  readonly final_norm?: boolean;
  /** Base of the rotary position embedding; undefined where positions are learned. */
  readonly rope_theta?: number;
  /** Resize position embeddings with a filter that widens as they shrink. */
  readonly antialias: boolean;
}

/** What model_type says of the Vision Transformers that are read here. */
export const DINO_TYPES: readonly DinoConfig["model_type"][] = ["vit", "dinov2", "dinov2_with_registers", "dinov3_vit"];
