// Sizes of CLIP's towers. readConfig.ts reads config.json into them, openClip.ts open_clip_config.json.
import type { Activation } from "../../kernels/activation.ts";

export interface ClipTowerConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
}

export interface ClipVisionConfig extends ClipTowerConfig {
  readonly image_size: number;
  readonly patch_size: number;
  /** open_clip: no norm before the first layer. */
  readonly no_ln_pre?: boolean;
  /** open_clip: the embedding is of the class token ("tok", when absent) or of the patches' mean. */
  readonly pool_type?: "tok" | "avg";
  /** open_clip: the last norm is of the mean, and not the mean of norms. */
  readonly final_ln_after_pool?: boolean;
}

export interface ClipTextConfig extends ClipTowerConfig {
  readonly max_position_embeddings: number;
  readonly vocab_size: number;
  readonly eos_token_id: number;
  /**
   * Where the embedding is taken: at the first token, at the last of the whole context, at the first with the largest
   * id ("argmax"), or at the first that is eos_token_id.
   */
  readonly pool_type: "first" | "last" | "argmax" | "eos";
  /** open_clip: every token sees all tokens of the context, the padding too. */
  readonly no_causal_mask?: boolean;
  /** open_clip: what fills up the context; the tokenizer's own padding when absent. */
  readonly padding?: ClipPadding;
  /** open_clip: there is no projection, and pictures are compared with what the last norm gives. */
  readonly proj_type?: "none";
}

/** How open_clip's tokenizers fill up the context (open_clip/tokenizer.py). */
interface ClipPadding {
  /** The tokenizer's own padding token; else 0. */
  readonly isTokenizers: boolean;
  /** tokenizer_kwargs' strip_sep_token: tokens of the tokenizer's separator become 0. */
  readonly strip_sep_token: boolean;
}

/** An image tower that is one of CLIP's ResNets. */
export interface ClipResnetConfig {
  readonly image_size: number;
  /** Blocks of each stage, as the file says; the tensors decide. */
  readonly layers: readonly number[];
  /** Channels of a head of the attention in place of the last pooling. */
  readonly head_width: number;
}

export interface ClipConfig {
  readonly vision: ClipVisionConfig | ClipResnetConfig;
  readonly text: ClipTextConfig;
  readonly logit_scale_init_value: number;
}

/** True for an image tower that is a ResNet. */
export function isClipResnet(vision: ClipConfig["vision"]): vision is ClipResnetConfig {
  return "layers" in vision;
}
