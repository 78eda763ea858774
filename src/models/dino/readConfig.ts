// config.json of DINO models with a ViT, with transformers' class defaults (models/vit, dinov2, dinov2_with_registers
// and dinov3_vit: configuration_*.py). Loaded with the first checkpoint.
import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, number, object, side } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import { DINO_TYPES, type DinoConfig } from "./config.ts";

interface Defaults {
  readonly eps: number;
  readonly image: number;
  readonly patch: number;
  readonly registers: number;
}

const DEFAULTS: Readonly<Record<DinoConfig["model_type"], Defaults>> = {
  vit: { eps: 1e-12, image: 224, patch: 16, registers: 0 },
  dinov2: { eps: 1e-6, image: 224, patch: 14, registers: 0 },
  dinov2_with_registers: { eps: 1e-6, image: 224, patch: 14, registers: 4 },
  dinov3_vit: { eps: 1e-5, image: 224, patch: 16, registers: 0 },
};

/** Reads config.json; throws CheckpointError on another family or absurd values. */
export function dinoConfig(json: unknown): DinoConfig {
  const part: Fields = { file: "config.json", json: object(json, "config.json") };
  const model_type = part.json.model_type as DinoConfig["model_type"];
  const defaults = Object.hasOwn(DEFAULTS, model_type ?? "") ? DEFAULTS[model_type] : undefined;
  if (!defaults) {
    throw new CheckpointError(
      `config.json says model_type ${JSON.stringify(model_type)}; Dino reads ${DINO_TYPES.join(", ")}`,
    );
  }
  const isV3 = model_type === "dinov3_vit";
  const width = isV3 ? 384 : 768;
  const config: DinoConfig = {
    model_type,
    hidden_size: integer(part, "hidden_size", width, 1, 1 << 16),
    num_hidden_layers: integer(part, "num_hidden_layers", 12, 1, 1000),
    num_attention_heads: integer(part, "num_attention_heads", isV3 ? 6 : 12, 1, 1 << 12),
    hidden_act: hiddenAct(part, "gelu"),
    layer_norm_eps: number(part, "layer_norm_eps", defaults.eps, 0, 1),
    image_size: side(part, "image_size", defaults.image, 1, 8192),
    patch_size: side(part, "patch_size", defaults.patch, 1, 8192),
    num_register_tokens: integer(part, "num_register_tokens", defaults.registers, 0, 1024),
    ...(isV3 && { rope_theta: number(part, "rope_theta", 100, 1, 1e9) }),
    antialias: model_type === "dinov2_with_registers",
  };
  const { hidden_size, num_attention_heads } = config;
  if (hidden_size % num_attention_heads) {
    throw new CheckpointError(
      `config.json: hidden_size ${hidden_size} does not divide into ${num_attention_heads} heads`,
    );
  }
  return config;
}
