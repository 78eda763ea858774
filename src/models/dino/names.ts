// Published names of DINO's ViTs. src/models/dino.ts speaks Facebook's and timm's names, with q, k and v apart
// (blocks.3.attn.q.weight); the other namings are maps from these.
import type { Naming, StoredName, TensorTable } from "../weights.ts";

/** Hugging Face's names, family by family: beginnings and parts, the first that fits. */
const VIT: readonly (readonly [string, string])[] = [
  ["cls_token", "embeddings.cls_token"],
  ["pos_embed", "embeddings.position_embeddings"],
  ["register_tokens", "embeddings.register_tokens"],
  ["patch_embed.proj.", "embeddings.patch_embeddings.projection."],
  ["blocks.", "encoder.layer."],
  [".attn.q.", ".attention.attention.query."],
  [".attn.k.", ".attention.attention.key."],
  [".attn.v.", ".attention.attention.value."],
  [".attn.proj.", ".attention.output.dense."],
  [".ls1.gamma", ".layer_scale1.lambda1"],
  [".ls2.gamma", ".layer_scale2.lambda1"],
];

const VIT_V1: typeof VIT = [
  ...VIT,
  [".norm1.", ".layernorm_before."],
  [".norm2.", ".layernorm_after."],
  [".mlp.fc1.", ".intermediate.dense."],
  [".mlp.fc2.", ".output.dense."],
];

const DINOV3: typeof VIT = [
  ...VIT.slice(0, 1),
  ["register_tokens", "embeddings.register_tokens"],
  ["patch_embed.proj.", "embeddings.patch_embeddings."],
  ["blocks.", "layer."],
  [".attn.q.", ".attention.q_proj."],
  [".attn.k.", ".attention.k_proj."],
  [".attn.v.", ".attention.v_proj."],
  [".attn.proj.", ".attention.o_proj."],
  [".ls1.gamma", ".layer_scale1.lambda1"],
  [".ls2.gamma", ".layer_scale2.lambda1"],
  [".mlp.fc1.", ".mlp.up_proj."],
  [".mlp.fc2.", ".mlp.down_proj."],
  [".mlp.w1.", ".mlp.gate_proj."],
  [".mlp.w2.", ".mlp.up_proj."],
  [".mlp.w3.", ".mlp.down_proj."],
];

const PREFIXES = ["", "vit.", "dinov2.", "dinov2_with_registers.", "model."];

/** The naming that a checkpoint uses, found by the tensor that each has. */
export function dinoNaming({ tensors }: TensorTable): Naming {
  for (const prefix of PREFIXES) {
    if (tensors.has(`${prefix}embeddings.patch_embeddings.weight`)) return renamed(prefix, DINOV3, "norm.");
    if (tensors.has(`${prefix}encoder.layer.0.layernorm_before.weight`)) return renamed(prefix, VIT_V1, "layernorm.");
    if (tensors.has(`${prefix}encoder.layer.0.norm1.weight`)) return withFusedGate(renamed(prefix, VIT, "layernorm."));
  }
  return facebook(tensors.has("blocks.0.attn.qkv.bias_mask"), tensors.has("storage_tokens"));
}

function renamed(prefix: string, parts: typeof VIT, norm: string): Naming {
  return (name) => {
    const stored = name.startsWith("norm.")
      ? norm + name.slice("norm.".length)
      : parts.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);
    return { name: prefix + stored };
  };
}

/** The gate and the value of a SwiGLU are halves of one tensor, `weights_in`. */
function withFusedGate(naming: Naming): Naming {
  return (name) => {
    const stored = naming(name).name;
    const gate = /^(.*\.mlp\.)w([123])\.(weight|bias)$/.exec(stored);
    if (!gate) return { name: stored };
    const [, layer, which, kind] = gate;
    if (which === "3") return { name: `${layer}weights_out.${kind}` };
    return { name: `${layer}weights_in.${kind}`, part: { index: Number(which) - 1, of: 2 } };
  };
}

/** q, k and v are parts of attn.qkv; DINOv3's mask over its bias leaves k without one. */
function facebook(hasMaskedBias: boolean, hasStorageTokens: boolean): Naming {
  return (name): StoredName => {
    if (name === "register_tokens" && hasStorageTokens) return { name: "storage_tokens" };
    const [, block, which = "", kind] = /^(.*\.attn)\.([qkv])\.(weight|bias)$/.exec(name) ?? [];
    if (block) {
      if (hasMaskedBias && which === "k" && kind === "bias") return { name: `${block}.k.bias` };
      return { name: `${block}.qkv.${kind}`, part: { index: "qkv".indexOf(which), of: 3 } };
    }
    const [, mlp, gate, end] = /^(.*\.mlp)\.w([12])\.(weight|bias)$/.exec(name) ?? [];
    // DINOv2's giant holds gate and value in one tensor; DINOv3 apart.
    if (mlp && !hasMaskedBias) return { name: `${mlp}.w12.${end}`, part: { index: Number(gate) - 1, of: 2 } };
    return { name };
  };
}
