// What config.json of timm says of a Vision Transformer: the architecture, whose arguments are in timm's own code, and
// those that differ in model_args (huggingface/pytorch-image-models: timm/models/vision_transformer.py, eva.py and
// deit.py). An architecture or an argument that is not known here is refused, as the tensors do not tell what it
// changes.
import { CheckpointError } from "../../device/errors.ts";
import type { Activation } from "../../kernels/activation.ts";
import { type Fields, integer, type Json, number, object, side, text } from "../fields.ts";

/** What tensors do not tell. */
export interface TimmSettings {
  readonly num_heads: number;
  readonly layer_norm_eps: number;
  readonly hidden_act: Activation;
  /** No position of the class token and the registers. */
  readonly no_embed_class: boolean;
  /** Of the pictures that the model is made for. */
  readonly image_size: number | undefined;
  readonly rope_theta: number;
  /** Tokens have no norm after the last block: it is the classifier's, or there is none. */
  readonly final_norm: boolean;
  readonly isDinov3: boolean;
}

interface Architecture {
  /** As many as there are of 64 channels when absent. */
  readonly num_heads?: number;
  readonly eps?: number;
  readonly act?: Activation;
  readonly no_embed_class?: boolean;
}

const CLIP = { eps: 1e-5 };
const QUICK = { eps: 1e-5, act: "quickGelu" } as const;

/** Architectures by name, the first that fits. */
const ARCHITECTURES: readonly (readonly [RegExp, Architecture])[] = [
  [/^vit_(huge|giant|gigantic)_patch14_clip_quickgelu_\d+$/, { ...QUICK, num_heads: 16 }],
  [/^vit_(huge|giant|gigantic)_patch14_clip_\d+$/, { ...CLIP, num_heads: 16 }],
  [/^vit_[a-z]+_patch\d+_clip_quickgelu_\d+$/, QUICK],
  [/^vit_[a-z]+_patch\d+_(plus_)?clip_\d+$/, CLIP],
  [/^vit_(small|base|large|giant)_patch14_dinov2$/, {}],
  [/^vit_(small|base|large|giant)_patch14_reg4_dinov2$/, { no_embed_class: true }],
  [/^vit_(base|large|giant)_patch14_reg1_tipsv2$/, { no_embed_class: true }],
  [/^vit_7b_patch16_dinov3$/, { eps: 1e-5, num_heads: 32 }],
  [/^vit_(tiny|small|small_plus|base|large|huge_plus)_patch16_dinov3(_qkvb)?$/, { eps: 1e-5 }],
  [/^vit_(huge|giant|gigantic)_patch14_224$/, { num_heads: 16 }],
  [/^vit_(tiny|small|base|large)_patch\d+(_plus)?_\d+(_miil|_in21k|_miil_in21k|_dino)?$/, {}],
  [/^deit_(tiny|small|base)_patch16_\d+$/, {}],
  [/^deit3_huge_patch14_\d+$/, { num_heads: 16, no_embed_class: true }],
  [/^deit3_(small|medium|base|large)_patch16_\d+$/, { no_embed_class: true }],
  [/^flexivit_(small|base|large)$/, { no_embed_class: true }],
  [/^eva_large_patch14_\d+$/, {}],
];

/** timm's names of activations (timm/layers/create_act.py). */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_tanh: "geluTanh",
  quick_gelu: "quickGelu",
  silu: "silu",
  swish: "silu",
  relu: "relu",
};

/** Arguments that are read here. */
const READ = ["num_heads", "act_layer", "norm_layer", "no_embed_class", "img_size", "rope_temperature"];

/** Arguments that are in the tensors, or are of training, or of the classifier that pools the tokens. */
const HARMLESS = [
  ...["patch_size", "in_chans", "embed_dim", "depth", "mlp_ratio", "init_values", "reg_tokens", "num_reg_tokens"],
  ...["qkv_bias", "qkv_fused", "proj_bias", "pre_norm", "use_pre_transformer_norm", "swiglu_mlp", "swiglu_align_to"],
  ...["mlp_layer", "dynamic_img_size", "strict_img_size"],
  ...["num_classes", "global_pool", "fc_norm", "use_fc_norm", "final_norm", "use_post_transformer_norm"],
  ...["pool_include_prefix", "drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate"],
  ...["drop_path_rate", "weight_init", "fix_init", "head_init_scale", "rope_shift_coords", "rope_jitter_coords"],
  "rope_rescale_coords",
];

/** Arguments with the only value that is read, besides null. */
const ONLY: Readonly<Record<string, unknown>> = {
  class_token: true,
  pos_embed: "learn",
  rope_type: "dinov3",
  rope_rotate_half: true,
  rope_grid_offset: 0,
  rope_grid_indexing: "ij",
};

/**
 * Reads config.json of timm; undefined where there is none, or one that names no architecture.
 *
 * @throws CheckpointError for an architecture or an argument that is not known, or absurd values
 */
export function timmSettings(json: unknown, width: number): TimmSettings | undefined {
  const config = object(json ?? {}, "config.json");
  if (config.architecture === undefined) return undefined;
  // Newer files have the tag of the weights behind the name.
  const [name = ""] = text(config.architecture).split(".");
  const isDinov3 = /dinov3/.test(name);
  const architecture = ARCHITECTURES.find(([pattern]) => pattern.test(name))?.[1];
  if (!architecture) {
    throw new CheckpointError(
      `config.json says architecture ${JSON.stringify(config.architecture)}, which Dino does not know: it reads ` +
        "timm's ViTs that are plain, CLIP's, DINOv2's and DINOv3's",
    );
  }
  const args: Fields = { file: "config.json: model_args", json: object(config.model_args ?? {}, "model_args") };
  checkArguments(args, { ...ONLY, use_rot_pos_emb: isDinov3, use_abs_pos_emb: !isDinov3 });
  const { num_heads = width / 64, eps = 1e-6, act = "gelu", no_embed_class = false } = architecture;
  const heads = integer(args, "num_heads", num_heads, 1, 1 << 12);
  if (width % heads) throw new CheckpointError(`${args.file}: ${width} channels do not divide into ${heads} heads`);
  return {
    num_heads: heads,
    layer_norm_eps: eps,
    hidden_act: activationOf(args, act),
    no_embed_class: (args.json.no_embed_class ?? no_embed_class) === true,
    image_size: imageSize(args, config),
    rope_theta: number(args, "rope_temperature", 100, 1, 1e9),
    final_norm: args.json.final_norm !== false && args.json.use_post_transformer_norm !== false,
    isDinov3,
  };
}

function checkArguments({ file, json }: Fields, only: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(json)) {
    if (READ.includes(key) || HARMLESS.includes(key) || value === null) continue;
    // A switch that is not known and off changes nothing.
    if (Object.hasOwn(only, key) ? only[key] === value : value === false) continue;
    throw new CheckpointError(`${file}: ${key} is ${JSON.stringify(value)}, which Dino does not read`);
  }
  const norm = text(json.norm_layer ?? "layernorm");
  if (norm !== "layernorm") throw new CheckpointError(`${file}: norm_layer is "${norm}", expected layernorm`);
}

function activationOf({ file, json }: Fields, fallback: Activation): Activation {
  if (json.act_layer == null) return fallback;
  const act = Object.hasOwn(ACTIVATIONS, text(json.act_layer)) ? ACTIVATIONS[text(json.act_layer)] : undefined;
  if (act) return act;
  const known = Object.keys(ACTIVATIONS).join(", ");
  throw new CheckpointError(`${file}: act_layer is ${JSON.stringify(json.act_layer)}, expected one of ${known}`);
}

/** Of the model, else of the pictures that it was trained with: [channels, height, width]. */
function imageSize(args: Fields, config: Json): number | undefined {
  const input = (config.pretrained_cfg as Json | undefined)?.input_size;
  const trained = Array.isArray(input) ? input.slice(1) : undefined;
  const img_size = args.json.img_size ?? trained;
  return img_size === undefined ? undefined : side({ ...args, json: { img_size } }, "img_size", 0, 1, 8192);
}
