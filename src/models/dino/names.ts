// Published names of DINO's ViTs, without prefixes (see plainNames.ts). src/models/dino/model.ts speaks Facebook's and
// timm's names, with q, k and v apart (blocks.3.attn.q.weight); the other namings are maps from these.
import type { Naming, StoredName, TensorTable } from "../weights.ts";

type Renaming = readonly (readonly [ours: string, theirs: string])[];

/** Hugging Face's names: beginnings and parts, the first that fits. */
const TRANSFORMERS: Renaming = [
  ["cls_token", "embeddings.cls_token"],
  ["pos_embed", "embeddings.position_embeddings"],
  ["register_tokens", "embeddings.register_tokens"],
  [".ls1.gamma", ".layer_scale1.lambda1"],
  [".ls2.gamma", ".layer_scale2.lambda1"],
];

const PROJECTION: Renaming = [["patch_embed.proj.", "embeddings.patch_embeddings.projection."]];

/** Of ViT and DINOv2, as files have them. */
const ATTENTION: Renaming = [
  [".attn.q.", ".attention.attention.query."],
  [".attn.k.", ".attention.attention.key."],
  [".attn.v.", ".attention.attention.value."],
  [".attn.proj.", ".attention.output.dense."],
];

/** Of DINOv3, and of the other modules in transformers 5, whose names a file made without save_pretrained has. */
const ATTENTION_PROJ: Renaming = [
  [".attn.q.", ".attention.q_proj."],
  [".attn.k.", ".attention.k_proj."],
  [".attn.v.", ".attention.v_proj."],
  [".attn.proj.", ".attention.o_proj."],
];

const GATED: Renaming = [
  [".mlp.w1.", ".mlp.gate_proj."],
  [".mlp.w2.", ".mlp.up_proj."],
  [".mlp.w3.", ".mlp.down_proj."],
];

const VIT: Renaming = [
  ...TRANSFORMERS,
  ...PROJECTION,
  [".norm1.", ".layernorm_before."],
  [".norm2.", ".layernorm_after."],
];

/** Whether the tensors are a ViT's under Facebook's names. */
export function hasFacebookNames({ tensors }: TensorTable): boolean {
  return tensors.has("patch_embed.proj.weight") && tensors.has("blocks.0.norm1.weight");
}

/** The naming that a checkpoint uses, found by the tensor that each has. */
export function dinoNaming(table: TensorTable): Naming {
  const has = (name: string) => table.tensors.has(name);
  if (has("embeddings.patch_embeddings.weight")) {
    // DINOv3's encoder is a module "model" in transformers 5.
    const layers = has("model.layer.0.norm1.weight") ? "model.layer." : "layer.";
    const mlp: Renaming = [
      [".mlp.fc1.", ".mlp.up_proj."],
      [".mlp.fc2.", ".mlp.down_proj."],
    ];
    const patches: Renaming = [["patch_embed.proj.", "embeddings.patch_embeddings."]];
    return renamed([...TRANSFORMERS, ...patches, ["blocks.", layers], ...ATTENTION_PROJ, ...mlp, ...GATED], "norm.");
  }
  if (has("layers.0.layernorm_before.weight")) {
    return renamed([...VIT, ["blocks.", "layers."], ...ATTENTION_PROJ], "layernorm.");
  }
  const layers: Renaming = [["blocks.", "encoder.layer."]];
  if (has("encoder.layer.0.layernorm_before.weight")) {
    const mlp: Renaming = [
      [".mlp.fc1.", ".intermediate.dense."],
      [".mlp.fc2.", ".output.dense."],
    ];
    return renamed([...VIT, ...layers, ...ATTENTION, ...mlp], "layernorm.");
  }
  if (!has("encoder.layer.0.norm1.weight")) return facebook(table);
  const attention = has("encoder.layer.0.attention.q_proj.weight") ? ATTENTION_PROJ : ATTENTION;
  const dinov2 = [...TRANSFORMERS, ...PROJECTION, ...layers, ...attention];
  if (has("encoder.layer.0.mlp.gate_proj.weight")) return renamed([...dinov2, ...GATED], "layernorm.");
  return withFusedGate(renamed(dinov2, "layernorm."), ".weights_in.", ".weights_out.");
}

function renamed(parts: Renaming, norm: string): Naming {
  return (name) => ({
    name: name.startsWith("norm.")
      ? norm + name.slice("norm.".length)
      : parts.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name),
  });
}

/** The gate and the value of a SwiGLU are halves of one tensor. */
function withFusedGate(naming: Naming, halves: string, out: string): Naming {
  return (name) => {
    const [, layer, which, kind] = /^(.*\.mlp)\.w([123])\.(weight|bias)$/.exec(name) ?? [];
    if (!layer) return naming(name);
    const base = naming(`${layer}.`).name.slice(0, -1);
    if (which === "3") return { name: `${base}${out}${kind}` };
    return { name: `${base}${halves}${kind}`, part: { index: Number(which) - 1, of: 2 } };
  };
}

/** q, k and v are parts of attn.qkv, whose bias may be apart; timm renames registers and layer scales. */
function facebook({ tensors }: TensorTable): Naming {
  const has = (name: string) => tensors.has(name);
  const shape = (name: string) => tensors.get(name)?.shape ?? [];
  const registers = ["storage_tokens", "reg_token"].find(has) ?? "register_tokens";
  const isApart = has("blocks.0.attn.q_proj.weight"); // timm's unfused attention
  const hasBiases = has("blocks.0.attn.q_bias"); // timm's EVA: k has none
  const hasMaskedBias = has("blocks.0.attn.qkv.bias_mask"); // DINOv3: the mask leaves k without one
  const naming = (name: string): StoredName => {
    if (name === "register_tokens") return { name: registers };
    const [, block, which = "", kind] = /^(.*\.attn)\.([qkv])\.(weight|bias)$/.exec(name) ?? [];
    if (!block) return { name: has("blocks.0.gamma_1") ? name.replace(/\.ls([12])\.gamma$/, ".gamma_$1") : name };
    if (isApart) return { name: `${block}.${which}_proj.${kind}` };
    if (kind === "bias" && hasBiases) return { name: `${block}.${which}_bias` };
    if (kind === "bias" && hasMaskedBias && which === "k") return { name: `${block}.k.bias` };
    return { name: `${block}.qkv.${kind}`, part: { index: "qkv".indexOf(which), of: 3 } };
  };
  if (has("blocks.0.mlp.w12.weight")) return withFusedGate(naming, ".w12.", ".w3."); // DINOv2's giant
  if (has("blocks.0.mlp.fc1_g.weight")) return withNames(naming, { w1: "fc1_g", w2: "fc1_x", w3: "fc2" }); // timm's SwiGLU
  const [[rows = 0], [, columns = 0]] = [shape("blocks.0.mlp.fc1.weight"), shape("blocks.0.mlp.fc2.weight")];
  return rows > 0 && rows === 2 * columns ? withFusedGate(naming, ".fc1.", ".fc2.") : naming; // timm's SwiGLUPacked
}

function withNames(naming: Naming, names: Readonly<Record<string, string>>): Naming {
  return (name) => {
    const [, layer, which = "", end] = /^(.*\.mlp)\.(w[123])(\..*)$/.exec(name) ?? [];
    return layer ? { name: `${layer}.${names[which]}${end}` } : naming(name);
  };
}
