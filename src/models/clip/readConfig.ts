// config.json of CLIP models, with the class defaults of transformers' CLIPConfig (models/clip/configuration_clip.py):
// published files often hold only what differs from them. Loaded with the first checkpoint.
// What most checkpoints need comes in one piece.
export { processorRecipe } from "../preprocess/processorConfig.ts";

import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, number, object, side, text } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import type { ClipConfig, ClipTextConfig, ClipTowerConfig, ClipVisionConfig } from "./config.ts";

/** transformers' CLIPTextConfig. */
export const TEXT = {
  hidden_size: 512,
  intermediate_size: 2048,
  num_hidden_layers: 12,
  num_attention_heads: 8,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
  max_position_embeddings: 77,
  vocab_size: 49408,
  eos_token_id: 49407,
};

/** transformers' CLIPVisionConfig. */
export const VISION = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
  image_size: 224,
  patch_size: 32,
};

/** Reads config.json of a CLIPModel, or of one tower with projection; throws CheckpointError on absurd values. */
export function clipConfig(json: unknown): ClipConfig & { readonly vision: ClipVisionConfig } {
  const config = object(json, "config.json");
  const type = config.model_type ?? "clip";
  if (!["clip", "clip_vision_model", "clip_text_model"].includes(text(type))) {
    throw new CheckpointError(`config.json says model_type "${text(type)}"; Clip reads "clip" models`);
  }
  // A file of one tower holds that tower's keys at the top. Of the old and the new name of a tower's settings the old
  // one counts alone: with its defaults it takes the place of all of the other (transformers: configuration_clip.py).
  const part = (name: "text" | "vision"): Fields => {
    const key = config[`${name}_config_dict`] == null ? `${name}_config` : `${name}_config_dict`;
    const top = type === `clip_${name}_model` ? config : {};
    return { file: "config.json", json: { ...top, ...object(config[key] ?? {}, key) } };
  };
  const whole = { file: "config.json", json: config };
  return {
    text: textConfig(part("text")),
    vision: visionConfig(part("vision")),
    logit_scale_init_value: number(whole, "logit_scale_init_value", 2.6592, -20, 20),
  };
}

export function textConfig(part: Fields): ClipTextConfig {
  const eos_token_id = integer(part, "eos_token_id", TEXT.eos_token_id, 0, 1 << 24);
  return {
    ...towerConfig(part, TEXT),
    max_position_embeddings: integer(part, "max_position_embeddings", TEXT.max_position_embeddings, 1, 1 << 20),
    vocab_size: integer(part, "vocab_size", TEXT.vocab_size, 1, 1 << 24),
    eos_token_id,
    // Published configs carry an eos_token_id of 2 by mistake; then, as in OpenAI's code, the largest id is the end
    // (transformers: models/clip/modeling_clip.py).
    pool_type: eos_token_id === 2 ? "argmax" : "eos",
  };
}

export function visionConfig(part: Fields): ClipVisionConfig {
  const config = {
    ...towerConfig(part, VISION),
    image_size: side(part, "image_size", VISION.image_size, 1, 8192),
    patch_size: side(part, "patch_size", VISION.patch_size, 1, 8192),
  };
  if (config.patch_size > config.image_size) {
    throw new CheckpointError(
      `${part.file}: patch_size ${config.patch_size} is larger than image_size ${config.image_size}`,
    );
  }
  return config;
}

function towerConfig(part: Fields, defaults: typeof TEXT | typeof VISION): ClipTowerConfig {
  const { file } = part;
  const config = {
    hidden_size: integer(part, "hidden_size", defaults.hidden_size, 1, 1 << 16),
    intermediate_size: integer(part, "intermediate_size", defaults.intermediate_size, 1, 1 << 18),
    num_hidden_layers: integer(part, "num_hidden_layers", defaults.num_hidden_layers, 1, 1000),
    num_attention_heads: integer(part, "num_attention_heads", defaults.num_attention_heads, 1, 1 << 12),
    hidden_act: hiddenAct(part, defaults.hidden_act),
    layer_norm_eps: number(part, "layer_norm_eps", defaults.layer_norm_eps, 0, 1),
  };
  if (config.hidden_size % config.num_attention_heads) {
    const { hidden_size, num_attention_heads } = config;
    throw new CheckpointError(`${file}: hidden_size ${hidden_size} does not divide into ${num_attention_heads} heads`);
  }
  return config;
}
