// config.json of SAM models, with the class defaults of transformers' SamConfig (models/sam/configuration_sam.py):
// published files often hold only what differs from them. Loaded with the first checkpoint.
// What all checkpoints need comes in one piece.
export { BESIDE } from "./beside.ts";
export { samRecipe } from "./recipe.ts";

import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, number, object, only, side } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import type { SamConfig, SamDecoderConfig, SamPromptConfig, SamVisionConfig, TinyVitConfig } from "./config.ts";

/**
 * Reads config.json of a SamModel.
 *
 * @throws CheckpointError on another family, absurd values, or parts that do not fit together
 */
export function samConfig(json: unknown): SamConfig {
  const config = object(json, "config.json");
  const type = config.model_type ?? "sam";
  if (type !== "sam") throw new CheckpointError(`config.json says model_type "${type}"; Sam reads "sam" models`);
  const part = (name: string): Fields => ({ file: `config.json: ${name}`, json: object(config[name] ?? {}, name) });
  return checked({
    vision: visionConfig(part("vision_config")),
    prompt: promptConfig(part("prompt_encoder_config")),
    decoder: decoderConfig(part("mask_decoder_config"), 1e-6),
  });
}

export function visionConfig(part: Fields): SamVisionConfig {
  const hidden_size = integer(part, "hidden_size", 768, 1, 1 << 16);
  const mlp_dim = Math.floor(hidden_size * number(part, "mlp_ratio", 4, 0, 1024));
  const layers = integer(part, "num_hidden_layers", 12, 1, 1000);
  for (const key of ["use_abs_pos", "use_rel_pos", "qkv_bias"]) only(part, key, true);
  return {
    model_type: "sam_vision_model",
    hidden_size,
    num_hidden_layers: layers,
    num_attention_heads: integer(part, "num_attention_heads", 12, 1, 1 << 12),
    mlp_dim: integer(part, "mlp_dim", mlp_dim, 1, 1 << 18),
    hidden_act: hiddenAct(part, "gelu"),
    layer_norm_eps: number(part, "layer_norm_eps", 1e-6, 0, 1),
    image_size: side(part, "image_size", 1024, 1, 8192),
    patch_size: side(part, "patch_size", 16, 1, 8192),
    window_size: integer(part, "window_size", 14, 0, 8192),
    global_attn_indexes: layerIndexes(part, layers),
    output_channels: integer(part, "output_channels", 256, 1, 1 << 14),
  };
}

function layerIndexes({ file, json }: Fields, layers: number): readonly number[] {
  const value = json.global_attn_indexes ?? [2, 5, 8, 11];
  const isIndex = (n: unknown) => typeof n === "number" && Number.isInteger(n) && n >= 0;
  if (Array.isArray(value) && value.every(isIndex)) return (value as number[]).filter((n) => n < layers);
  throw new CheckpointError(`${file}: global_attn_indexes is ${JSON.stringify(value)}, expected a list of layers`);
}

export function promptConfig(part: Fields): SamPromptConfig {
  const points = integer(part, "num_point_embeddings", 4, 1, 1 << 10);
  if (points !== 4) throw new CheckpointError(`${part.file}: num_point_embeddings is ${points}, expected 4`);
  return {
    hidden_size: integer(part, "hidden_size", 256, 2, 1 << 14),
    mask_input_channels: integer(part, "mask_input_channels", 16, 4, 1 << 12),
    hidden_act: hiddenAct(part, "gelu"),
    layer_norm_eps: number(part, "layer_norm_eps", 1e-6, 0, 1),
  };
}

export function decoderConfig(part: Fields, eps: number): SamDecoderConfig {
  const depth = integer(part, "iou_head_depth", 3, 2, 100);
  if (depth !== 3) throw new CheckpointError(`${part.file}: iou_head_depth is ${depth}, expected 3 layers`);
  return {
    hidden_size: integer(part, "hidden_size", 256, 8, 1 << 14),
    hidden_act: hiddenAct(part, "relu"),
    mlp_dim: integer(part, "mlp_dim", 2048, 1, 1 << 18),
    num_hidden_layers: integer(part, "num_hidden_layers", 2, 1, 100),
    num_attention_heads: integer(part, "num_attention_heads", 8, 1, 1 << 10),
    attention_downsample_rate: integer(part, "attention_downsample_rate", 2, 1, 64),
    num_multimask_outputs: integer(part, "num_multimask_outputs", 3, 1, 64),
    layer_norm_eps: number(part, "layer_norm_eps", eps, 0, 1),
  };
}

/** Throws unless the three parts fit together. */
export function checked(
  parts: Pick<SamConfig, "prompt" | "decoder"> & { readonly vision: SamVisionConfig | TinyVitConfig },
): SamConfig {
  const { vision, prompt, decoder } = parts;
  const fail = (why: string): never => {
    throw new CheckpointError(`config.json: ${why}`);
  };
  if (vision.output_channels !== prompt.hidden_size || prompt.hidden_size !== decoder.hidden_size) {
    const widths = [vision.output_channels, prompt.hidden_size, decoder.hidden_size].join(", ");
    fail(`output_channels and hidden_size of the prompt encoder and mask decoder are ${widths}, expected one width`);
  }
  if (vision.image_size % vision.patch_size) {
    fail(`image_size ${vision.image_size} is no multiple of patch_size ${vision.patch_size}`);
  }
  if (vision.model_type === "sam_vision_model" && vision.hidden_size % vision.num_attention_heads) {
    fail(`hidden_size ${vision.hidden_size} does not divide into ${vision.num_attention_heads} heads`);
  }
  const { hidden_size, num_attention_heads: heads, attention_downsample_rate: rate } = decoder;
  if (hidden_size % 8 || hidden_size % (heads * rate)) {
    fail(`the mask decoder's hidden_size ${hidden_size} does not divide into ${heads} heads at 1/${rate} of the width`);
  }
  return { image_size: vision.image_size, image_embedding_size: vision.image_size / vision.patch_size, ...parts };
}
