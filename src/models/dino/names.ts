// Published names of DINO's ViTs, without prefixes (see plainNames.ts). src/models/dino/model.ts speaks Facebook's and
// timm's names, with q, k and v apart (blocks.3.attn.q.weight); transformers' are maps from these.
// Loaded with the first checkpoint.
import type { Naming, TensorTable } from "../weights.ts";
import { withFusedGate } from "./fusedGate.ts";

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

/** The naming that a checkpoint uses, found by the tensor that each has. */
export async function dinoNaming(table: TensorTable): Promise<Naming> {
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
  if (!has("encoder.layer.0.norm1.weight")) return (await import("./facebookNames.ts")).facebookNaming(table);
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
