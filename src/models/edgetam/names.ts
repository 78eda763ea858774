// Names of EdgeTAM's tensors: those of EdgeTamModel and EdgeTamVideoModel are SAM 2's, but for a layer of the memory
// attention.
import { sam2Naming } from "../sam2/names.ts";
import type { Naming } from "../weights.ts";

export const edgeTamNaming: Naming = (name) => {
  if (!name.startsWith("memory_attention.")) return sam2Naming(name);
  return { name: name.replace(".linear1.", ".mlp.up_proj.").replace(".linear2.", ".mlp.down_proj.") };
};

/** What tracks objects through a video beside what SAM 2 has for it. */
export const PERCEIVER = /^spatial_perceiver\./;
