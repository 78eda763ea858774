// config.json of CLIP models, with the class defaults of transformers' CLIPConfig (models/clip/configuration_clip.py):
// published files often hold only what differs from them. open_clip_config.json is read into the same.
import { CheckpointError } from "../../device/errors.ts";
import type { Activation } from "../../kernels/activation.ts";
import { type Fields, integer, type Json, number, object } from "../fields.ts";

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

/** True for an image tower that is a ResNet. */
export function isClipResnet(vision: ClipConfig["vision"]): vision is ClipResnetConfig {
  return "layers" in vision;
}

/** Reads config.json of a CLIPModel, or of one tower with projection; throws CheckpointError on absurd values. */
export function clipConfig(json: unknown): ClipConfig & { readonly vision: ClipVisionConfig } {
  const config = object(json, "config.json");
  const type = config.model_type ?? "clip";
  if (!["clip", "clip_vision_model", "clip_text_model"].includes(String(type))) {
    throw new CheckpointError(`config.json says model_type "${type}"; Clip reads "clip" models`);
  }
  // A file of one tower holds that tower's keys at the top.
  const part = (name: "text" | "vision"): Fields => ({
    file: "config.json",
    json: {
      ...(type === `clip_${name}_model` ? config : {}),
      ...object(config[`${name}_config`] ?? {}, `${name}_config`),
      ...object(config[`${name}_config_dict`] ?? {}, `${name}_config_dict`),
    },
  });
  const whole = { file: "config.json", json: config };
  return {
    text: textConfig(part("text")),
    vision: visionConfig(part("vision")),
    logit_scale_init_value: number(whole, "logit_scale_init_value", 2.6592, -20, 20),
  };
}

/**
 * Reads open_clip_config.json of a ViT or a ResNet; what it leaves out is as in open_clip's CLIPVisionCfg and
 * CLIPTextCfg (mlfoundations/open_clip: src/open_clip/model.py).
 */
export function openClipConfig(json: unknown): ClipConfig {
  const file = "open_clip_config.json";
  const model = object(object(json, file).model_cfg, "model_cfg");
  const vision = object(model.vision_cfg, "vision_cfg");
  const text = object(model.text_cfg, "text_cfg");
  refuse(vision, "vision_cfg", "timm_model_name", "Clip reads open_clip's own Vision Transformers");
  refuse(text, "text_cfg", "hf_model_name", "Clip reads open_clip's own text transformer");
  const hidden_act = model.quick_gelu === true ? "quick_gelu" : "gelu";
  const tower = ({ width, layers, mlp_ratio = 4 }: Json, defaults: typeof TEXT | typeof VISION) => ({
    hidden_size: width,
    num_hidden_layers: layers,
    intermediate_size: Math.floor(Number(width ?? defaults.hidden_size) * Number(mlp_ratio)),
    hidden_act,
  });
  return {
    vision: Array.isArray(vision.layers)
      ? resnetConfig({ file, json: vision })
      : visionConfig({
          file,
          json: {
            ...tower(vision, VISION),
            num_attention_heads: Math.floor(
              Number(vision.width ?? VISION.hidden_size) / Number(vision.head_width ?? 64),
            ),
            image_size: vision.image_size,
            patch_size: vision.patch_size ?? 16,
          },
        }),
    text: textConfig({
      file,
      json: {
        ...tower(text, TEXT),
        num_attention_heads: text.heads,
        max_position_embeddings: text.context_length,
        vocab_size: text.vocab_size,
        eos_token_id: 2, // the end token is the largest id
      },
    }),
    logit_scale_init_value: 2.6592,
  };
}

function refuse(part: Json, name: string, key: string, why: string): void {
  if (part[key] == null) return;
  throw new CheckpointError(`open_clip_config.json: ${name} has a ${key} ${JSON.stringify(part[key])}: ${why}`);
}

function textConfig(part: Fields): ClipTextConfig {
  return {
    ...towerConfig(part, TEXT),
    max_position_embeddings: integer(part, "max_position_embeddings", TEXT.max_position_embeddings, 1, 1 << 20),
    vocab_size: integer(part, "vocab_size", TEXT.vocab_size, 1, 1 << 24),
    eos_token_id: integer(part, "eos_token_id", TEXT.eos_token_id, 0, 1 << 24),
  };
}

function visionConfig(part: Fields): ClipVisionConfig {
  const config = {
    ...towerConfig(part, VISION),
    image_size: integer(part, "image_size", VISION.image_size, 1, 8192),
    patch_size: integer(part, "patch_size", VISION.patch_size, 1, 8192),
  };
  if (config.patch_size > config.image_size) {
    throw new CheckpointError(
      `${part.file}: patch_size ${config.patch_size} is larger than image_size ${config.image_size}`,
    );
  }
  return config;
}

function resnetConfig(part: Fields): ClipResnetConfig {
  const layers = part.json.layers as unknown[];
  const isDepth = (n: unknown) => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= 1000;
  if (layers.length !== 4 || !layers.every(isDepth)) {
    const got = JSON.stringify(layers);
    throw new CheckpointError(`${part.file}: layers is ${got}, expected the numbers of blocks of four stages`);
  }
  return {
    image_size: integer(part, "image_size", 224, 32, 8192),
    layers: layers as number[],
    head_width: integer(part, "head_width", 64, 1, 1 << 16),
  };
}

function towerConfig(part: Fields, defaults: typeof TEXT | typeof VISION): ClipTowerConfig {
  const { file, json } = part;
  const act = String(json.hidden_act ?? defaults.hidden_act);
  const hidden_act = Object.hasOwn(HIDDEN_ACTS, act) ? HIDDEN_ACTS[act] : undefined;
  if (!hidden_act) {
    throw new CheckpointError(`${file}: hidden_act "${act}" is not one of ${Object.keys(HIDDEN_ACTS).join(", ")}`);
  }
  const config = {
    hidden_size: integer(part, "hidden_size", defaults.hidden_size, 1, 1 << 16),
    intermediate_size: integer(part, "intermediate_size", defaults.intermediate_size, 1, 1 << 18),
    num_hidden_layers: integer(part, "num_hidden_layers", defaults.num_hidden_layers, 1, 1000),
    num_attention_heads: integer(part, "num_attention_heads", defaults.num_attention_heads, 1, 1 << 12),
    hidden_act,
    layer_norm_eps: number(part, "layer_norm_eps", defaults.layer_norm_eps, 0, 1),
  };
  if (config.hidden_size % config.num_attention_heads) {
    const { hidden_size, num_attention_heads } = config;
    throw new CheckpointError(`${file}: hidden_size ${hidden_size} does not divide into ${num_attention_heads} heads`);
  }
  return config;
}
