// open_clip_config.json of a ViT or a ResNet, read into the config of CLIP; what it leaves out is as in open_clip's
// CLIPVisionCfg and CLIPTextCfg (mlfoundations/open_clip: src/open_clip/model.py). Those refuse a key that they do not
// know, and so does this. Loaded where a checkpoint has such a file.
import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, type Json, number, numeric, object, side } from "../fields.ts";
import type { ClipConfig, ClipResnetConfig, ClipTextConfig, ClipVisionConfig } from "./config.ts";
import { TEXT, textConfig, VISION, visionConfig } from "./readConfig.ts";

const FILE = "open_clip_config.json";

/** Keys that are read here. */
const READ = {
  model_cfg: ["vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale"],
  vision_cfg: ["layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size"],
  text_cfg: ["context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "eos_id", "tokenizer_kwargs"],
} as const;

/** Keys of both towers that are read here. */
const TOWER = ["pool_type", "norm_kwargs", "act_kwargs"];

/** Keys that tell nothing which is not in the tensors or the tokenizer's files, or are of training alone. */
const HARMLESS: Readonly<Record<keyof typeof READ, readonly string[]>> = {
  model_cfg: ["embed_dim", "custom_text", "init_logit_bias", "nonscalar_logit_scale"],
  vision_cfg: [
    "patch_dropout",
    "ls_init_value", // ls_1.gamma and ls_2.gamma are there, or not
    "pos_embed_type", // both kinds are kept as positional_embedding
    "output_tokens", // adds an output
    "attn_pooler_queries", // of attentional_pool, as the next
    "attn_pooler_heads",
    "timm_model_pretrained", // of timm_model_name, as all that begin so
    "timm_pool",
    "timm_proj",
    "timm_proj_bias",
    "timm_drop",
    "timm_drop_path",
  ],
  text_cfg: [
    "hf_tokenizer_name",
    "ls_init_value",
    "proj_bias", // text_projection.bias is there, or not
    "output_tokens",
    "pad_id", // of embed_cls
    "hf_model_pretrained", // of hf_model_name, as all that begin so
    "hf_proj_type",
    "hf_pooler_type",
  ],
};

/** Keys with the only values that are read, and why. */
const ONLY: Readonly<
  Record<keyof typeof READ, Readonly<Record<string, readonly [supported: unknown[], why: string]>>>
> = {
  model_cfg: { multimodal_cfg: [[], "CoCa is not read"] },
  vision_cfg: {
    timm_model_name: [[""], "Clip reads open_clip's own Vision Transformers"],
    attentional_pool: [[false], "CoCa's pooling is not read"],
    no_ln_pre: [[true, false], "expected true or false"],
    final_ln_after_pool: [[true, false], "expected true or false"],
  },
  text_cfg: {
    hf_model_name: [[""], "Clip reads open_clip's own text transformer"],
    embed_cls: [[false], "CoCa's text tower is not read"],
    no_causal_mask: [[true, false], "expected true or false"],
    final_ln_after_pool: [[true, false], "expected true or false"], // open_clip hands it to no tower
    proj_type: [["linear", "none"], "expected linear or none"],
    tokenizer_mode: [[""], "the tokenizer's own ids are read"],
  },
};

/** Blocks with norms or scales of their own, in either tower. */
const CUSTOM_BLOCKS = ["qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"];

/** Reads open_clip_config.json; throws CheckpointError on absurd values, and on keys that are not supported. */
export function openClipConfig(json: unknown): ClipConfig {
  const model = object(object(json, FILE).model_cfg, "model_cfg");
  const vision = object(model.vision_cfg, "vision_cfg");
  const text = object(model.text_cfg, "text_cfg");
  checkKeys("model_cfg", model);
  checkKeys("vision_cfg", vision);
  checkKeys("text_cfg", text);
  const isQuick = model.quick_gelu === true;
  return {
    vision: Array.isArray(vision.layers) ? resnetConfig({ file: FILE, json: vision }) : openVision(vision, isQuick),
    text: openText(text, isQuick),
    logit_scale_init_value: number({ file: FILE, json: model }, "init_logit_scale", 2.6592, -20, 20),
  };
}

function checkKeys(name: keyof typeof READ, part: Json): void {
  const towers: readonly string[] = name === "model_cfg" ? [] : TOWER;
  const plain: readonly string[] = [...READ[name], ...towers, ...HARMLESS[name]];
  for (const [key, value] of Object.entries(part)) {
    if (plain.includes(key) || value === null) continue;
    const [supported, why] = (Object.hasOwn(ONLY[name], key) ? ONLY[name][key] : undefined) ?? onlyOf(key);
    if (supported.includes(value)) continue;
    throw new CheckpointError(`${FILE}: ${name} has a ${key} ${JSON.stringify(value)}: ${why}`);
  }
}

function onlyOf(key: string): readonly [supported: unknown[], why: string] {
  if (key === "block_type") return [["default"], "blocks of open_clip's default kind are read"];
  if (CUSTOM_BLOCKS.includes(key)) return [[false], "blocks of open_clip's default kind are read"];
  return [[], "open_clip knows no such key, or it is newer than what is read here"];
}

function openVision(json: Json, isQuick: boolean): ClipVisionConfig {
  const width = numeric(json.width ?? VISION.hidden_size);
  const { pool_type = "tok" } = json;
  if (pool_type !== "tok" && pool_type !== "avg") fail("vision_cfg", "pool_type", pool_type, "expected tok or avg");
  return {
    ...visionConfig({
      file: FILE,
      json: {
        ...tower("vision_cfg", json, VISION.hidden_size, isQuick),
        num_attention_heads: Math.floor(width / numeric(json.head_width ?? 64)),
        image_size: json.image_size,
        patch_size: json.patch_size ?? 16,
      },
    }),
    ...(json.no_ln_pre === true && { no_ln_pre: true }),
    ...(pool_type === "avg" && { pool_type }),
    ...(json.final_ln_after_pool === true && { final_ln_after_pool: true }),
  };
}

function openText(json: Json, isQuick: boolean): ClipTextConfig {
  const { pool_type = "argmax" } = json;
  const isPool = pool_type === "first" || pool_type === "last" || pool_type === "argmax" || pool_type === "eos";
  if (!isPool) return fail("text_cfg", "pool_type", pool_type, "expected first, last, argmax or eos");
  return {
    ...textConfig({
      file: FILE,
      json: {
        ...tower("text_cfg", json, TEXT.hidden_size, isQuick),
        num_attention_heads: json.heads,
        max_position_embeddings: json.context_length,
        vocab_size: json.vocab_size,
        eos_token_id: json.eos_id ?? 2,
      },
    }),
    pool_type,
    padding: paddingOf(json),
    ...(json.no_causal_mask === true && { no_causal_mask: true }),
    ...(json.proj_type === "none" && { proj_type: "none" }),
  };
}

function tower(name: string, json: Json, defaultWidth: number, isQuick: boolean): Json {
  const { width, layers, mlp_ratio = 4 } = json;
  return {
    hidden_size: width,
    num_hidden_layers: layers,
    intermediate_size: Math.floor(numeric(width ?? defaultWidth) * numeric(mlp_ratio)),
    hidden_act: actOf(name, json, isQuick),
    layer_norm_eps: epsOf(name, json),
  };
}

/** act_kwargs are the arguments of nn.GELU; QuickGELU has none. */
function actOf(name: string, { act_kwargs }: Json, isQuick: boolean): string {
  const { approximate = "none", ...others } = object(act_kwargs ?? {}, "act_kwargs");
  const isKnown = approximate === "none" || (approximate === "tanh" && !isQuick);
  if (!isKnown || Object.keys(others).length)
    fail(name, "act_kwargs", act_kwargs, "expected approximate, none or tanh");
  if (approximate === "tanh") return "gelu_pytorch_tanh";
  return isQuick ? "quick_gelu" : "gelu";
}

/** norm_kwargs are the arguments of nn.LayerNorm. */
function epsOf(name: string, { norm_kwargs }: Json): number {
  const { eps, elementwise_affine = true, bias = true, ...others } = object(norm_kwargs ?? {}, "norm_kwargs");
  if (elementwise_affine !== true || bias !== true || Object.keys(others).length) {
    fail(name, "norm_kwargs", norm_kwargs, "expected eps, and weights and a bias");
  }
  return number({ file: `${FILE}: ${name}: norm_kwargs`, json: { eps } }, "eps", 1e-5, 0, 1);
}

/** What stands behind a text: 0 by open_clip's own tokenizer, the padding token of one from the Hub. */
function paddingOf({ hf_tokenizer_name, tokenizer_kwargs }: Json): ClipTextConfig["padding"] {
  const {
    strip_sep_token = false,
    clean = "whitespace",
    ...others
  } = object(tokenizer_kwargs ?? {}, "tokenizer_kwargs");
  if (typeof strip_sep_token !== "boolean" || clean !== "whitespace" || Object.keys(others).length) {
    fail("text_cfg", "tokenizer_kwargs", tokenizer_kwargs, "expected strip_sep_token alone");
  }
  return { isTokenizers: Boolean(hf_tokenizer_name), strip_sep_token: strip_sep_token === true };
}

function fail(part: string, key: string, value: unknown, why: string): never {
  throw new CheckpointError(`${FILE}: ${part} has a ${key} ${JSON.stringify(value)}: ${why}`);
}

function resnetConfig(part: Fields): ClipResnetConfig {
  const layers = part.json.layers as unknown[];
  const isDepth = (n: unknown) => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= 1000;
  if (layers.length !== 4 || !layers.every(isDepth)) {
    const got = JSON.stringify(layers);
    throw new CheckpointError(`${part.file}: layers is ${got}, expected the numbers of blocks of four stages`);
  }
  return {
    image_size: side(part, "image_size", 224, 32, 8192),
    layers: layers as number[],
    head_width: integer(part, "head_width", 64, 1, 1 << 16),
  };
}
