// How names of a gated MLP (SwiGLU) are read of tensors that hold two of its layers.
import type { Naming } from "../weights.ts";

/** The gate and the value of a SwiGLU are halves of one tensor. */
export function withFusedGate(naming: Naming, halves: string, out: string): Naming {
  return (name) => {
    const [, layer, which, kind] = /^(.*\.mlp)\.w([123])\.(weight|bias)$/.exec(name) ?? [];
    if (!layer) return naming(name);
    const base = naming(`${layer}.`).name.slice(0, -1);
    if (which === "3") return { name: `${base}${out}${kind}` };
    return { name: `${base}${halves}${kind}`, part: { index: Number(which) - 1, of: 2 } };
  };
}
