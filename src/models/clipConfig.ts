// config.json of CLIP models, with the class defaults of transformers' CLIPConfig (models/clip/configuration_clip.py):
// published files often hold only what differs from them. open_clip_config.json is read into the same.
import { CheckpointError } from "../device/errors.ts";
import type { Activation } from "../kernels/activation.ts";

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
}

export interface ClipTextConfig extends ClipTowerConfig {
  readonly max_position_embeddings: number;
  readonly vocab_size: number;
  readonly eos_token_id: number;
}

export interface ClipConfig {
  readonly vision: ClipVisionConfig;
  readonly text: ClipTextConfig;
  readonly logit_scale_init_value: number;
}

type Json = Readonly<Record<string, unknown>>;

const TEXT = {
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

const VISION = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
  image_size: 224,
  patch_size: 32,
};

/** transformers' names of activations. */
export const HIDDEN_ACTS: Readonly<Record<string, Activation>> = {
  quick_gelu: "quickGelu",
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

/** Reads config.json of a CLIPModel, or of one tower with projection; throws CheckpointError on absurd values. */
export function clipConfig(json: unknown): ClipConfig {
  const config = object(json, "config.json");
  const type = config.model_type ?? "clip";
  if (!["clip", "clip_vision_model", "clip_text_model"].includes(String(type))) {
    throw new CheckpointError(`config.json says model_type "${type}"; Clip reads "clip" models`);
  }
  // A file of one tower holds that tower's keys at the top.
  const part = (name: "text" | "vision") => ({
    ...(type === `clip_${name}_model` ? config : {}),
    ...object(config[`${name}_config`] ?? {}, `${name}_config`),
    ...object(config[`${name}_config_dict`] ?? {}, `${name}_config_dict`),
  });
  return {
    text: textConfig(part("text")),
    vision: visionConfig(part("vision")),
    logit_scale_init_value: number(config, "logit_scale_init_value", 2.6592, -20, 20),
  };
}

/** Reads open_clip_config.json of a ViT (mlfoundations/open_clip: src/open_clip/model.py). */
export function openClipConfig(json: unknown): ClipConfig {
  const model = object(object(json, "open_clip_config.json").model_cfg, "model_cfg");
  const vision = object(model.vision_cfg, "vision_cfg");
  const text = object(model.text_cfg, "text_cfg");
  const hidden_act = model.quick_gelu === true ? "quick_gelu" : "gelu";
  const tower = (cfg: Json, heads: number) => ({
    hidden_size: cfg.width,
    num_hidden_layers: cfg.layers,
    num_attention_heads: heads,
    intermediate_size: Math.floor(Number(cfg.width) * Number(cfg.mlp_ratio ?? 4)),
    hidden_act,
  });
  return {
    vision: visionConfig({
      ...tower(vision, Number(vision.width) / Number(vision.head_width ?? 64)),
      image_size: vision.image_size,
      patch_size: vision.patch_size,
    }),
    text: textConfig({
      ...tower(text, Number(text.heads)),
      max_position_embeddings: text.context_length ?? 77,
      vocab_size: text.vocab_size ?? 49408,
      eos_token_id: 2, // the end token is the largest id
    }),
    logit_scale_init_value: 2.6592,
  };
}

function textConfig(json: Json): ClipTextConfig {
  return {
    ...towerConfig(json, TEXT),
    max_position_embeddings: integer(json, "max_position_embeddings", TEXT.max_position_embeddings, 1, 1 << 20),
    vocab_size: integer(json, "vocab_size", TEXT.vocab_size, 1, 1 << 24),
    eos_token_id: integer(json, "eos_token_id", TEXT.eos_token_id, 0, 1 << 24),
  };
}

function visionConfig(json: Json): ClipVisionConfig {
  const config = {
    ...towerConfig(json, VISION),
    image_size: integer(json, "image_size", VISION.image_size, 1, 8192),
    patch_size: integer(json, "patch_size", VISION.patch_size, 1, 8192),
  };
  if (config.patch_size > config.image_size) {
    throw new CheckpointError(
      `config.json: patch_size ${config.patch_size} is larger than image_size ${config.image_size}`,
    );
  }
  return config;
}

function towerConfig(json: Json, defaults: typeof TEXT | typeof VISION): ClipTowerConfig {
  const act = String(json.hidden_act ?? defaults.hidden_act);
  const hidden_act = HIDDEN_ACTS[act];
  if (!hidden_act) {
    throw new CheckpointError(`config.json: hidden_act "${act}" is not one of ${Object.keys(HIDDEN_ACTS).join(", ")}`);
  }
  const config = {
    hidden_size: integer(json, "hidden_size", defaults.hidden_size, 1, 1 << 16),
    intermediate_size: integer(json, "intermediate_size", defaults.intermediate_size, 1, 1 << 18),
    num_hidden_layers: integer(json, "num_hidden_layers", defaults.num_hidden_layers, 1, 1000),
    num_attention_heads: integer(json, "num_attention_heads", defaults.num_attention_heads, 1, 1 << 12),
    hidden_act,
    layer_norm_eps: number(json, "layer_norm_eps", defaults.layer_norm_eps, 0, 1),
  };
  if (config.hidden_size % config.num_attention_heads) {
    const { hidden_size, num_attention_heads } = config;
    throw new CheckpointError(
      `config.json: hidden_size ${hidden_size} does not divide into ${num_attention_heads} heads`,
    );
  }
  return config;
}

function object(value: unknown, name: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new CheckpointError(
    `${name} must be a JSON object, got ${value === undefined ? "nothing" : JSON.stringify(value)}`,
  );
}

function number(json: Json, key: string, fallback: number, low: number, high: number): number {
  const value = json[key] ?? fallback;
  if (typeof value === "number" && value >= low && value <= high) return value;
  throw new CheckpointError(
    `config.json: ${key} is ${JSON.stringify(value)}, expected a number from ${low} to ${high}`,
  );
}

function integer(json: Json, key: string, fallback: number, low: number, high: number): number {
  const value = number(json, key, fallback, low, high);
  if (Number.isInteger(value)) return value;
  throw new CheckpointError(`config.json: ${key} is ${value}, expected a whole number`);
}
