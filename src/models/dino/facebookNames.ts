// Facebook's and timm's names of DINO's ViTs, which differ in how q, k and v and the gate are packed. Loaded where a
// checkpoint has them.
import type { Naming, StoredName, TensorTable } from "../weights.ts";
import { withFusedGate } from "./fusedGate.ts";

/** q, k and v are parts of attn.qkv, whose bias may be apart; timm renames registers and layer scales. */
export function facebookNaming({ tensors }: TensorTable): Naming {
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
  // timm's SwiGLU
  if (has("blocks.0.mlp.fc1_g.weight")) return withNames(naming, { w1: "fc1_g", w2: "fc1_x", w3: "fc2" });
  const [[rows = 0], [, columns = 0]] = [shape("blocks.0.mlp.fc1.weight"), shape("blocks.0.mlp.fc2.weight")];
  return rows > 0 && rows === 2 * columns ? withFusedGate(naming, ".fc1.", ".fc2.") : naming; // timm's SwiGLUPacked
}

function withNames(naming: Naming, names: Readonly<Record<string, string>>): Naming {
  return (name) => {
    const [, layer, which = "", end] = /^(.*\.mlp)\.(w[123])(\..*)$/.exec(name) ?? [];
    return layer ? { name: `${layer}.${names[which]}${end}` } : naming(name);
  };
}
