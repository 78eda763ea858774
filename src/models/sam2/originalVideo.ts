// Checkpoints of SAM 2 for videos as facebookresearch/sam2 publishes them (sam2/modeling/sam2_base.py): the original
// names of what pictures do without (those of the rest are in original.ts), and what SAM 2.0 has not yet.
import type { Naming, TensorTable } from "../weights.ts";
import { originalSam2Config, originalSam2Naming } from "./original.ts";
import { memoryConfig, type Sam2VideoConfig } from "./videoConfig.ts";

/** Tensors by our names. */
const WHOLE: Readonly<Record<string, string>> = {
  memory_temporal_positional_encoding: "maskmem_tpos_enc",
  no_object_pointer: "no_obj_ptr",
  occlusion_spatial_embedding_parameter: "no_obj_embed_spatial",
};

/** Beginnings, and parts of names that begin so. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^(memory_attention\..*)\.o_proj\./, "$1.out_proj."],
  [/^(memory_attention\..*)layer_norm/, "$1norm"],
  [/^memory_encoder\.feature_projection\./, "memory_encoder.pix_feat_proj."],
  [/^memory_encoder\.projection\./, "memory_encoder.out_proj."],
  [/^memory_encoder\.mask_downsampler\.final_conv\./, "memory_encoder.mask_downsampler.encoder.12."],
  [/^(memory_encoder\.memory_fuser\..*)\.depthwise_conv\./, "$1.dwconv."],
  [/^(memory_encoder\.memory_fuser\..*)\.layer_norm\./, "$1.norm."],
  [/^(memory_encoder\.memory_fuser\..*)\.pointwise_conv/, "$1.pwconv"],
  [/^(memory_encoder\.memory_fuser\..*)\.scale$/, "$1.gamma"],
  [/^memory_encoder\.memory_fuser\./, "memory_encoder.fuser."],
  [/^object_pointer_proj\.layers\.0\./, "obj_ptr_proj.layers.1."],
  [/^object_pointer_proj\.proj_in\./, "obj_ptr_proj.layers.0."],
  [/^object_pointer_proj\.proj_out\./, "obj_ptr_proj.layers.2."],
  [/^temporal_positional_encoding_projection_layer\./, "obj_ptr_tpos_proj."],
];

/** A convolution, its norm and its activation of the mask downsampler are numbered through. */
const DOWNSAMPLER = /^memory_encoder\.mask_downsampler\.layers\.(\d)\.(conv|layer_norm)\./;

/** From the names of models/sam and models/sam2 to those of facebookresearch/sam2. */
export const originalSam2VideoNaming: Naming = (name) => {
  if (WHOLE[name] !== undefined) return { name: WHOLE[name] };
  if (name.startsWith("mask_downsample.")) return { name };
  const numbered = name.replace(DOWNSAMPLER, (_, layer: string, kind: string) => {
    return `memory_encoder.mask_downsampler.encoder.${3 * Number(layer) + (kind === "conv" ? 0 : 1)}.`;
  });
  const changed = PARTS.reduce((text, [ours, theirs]) => text.replace(ours, theirs), numbered);
  return /^(memory_|obj_ptr_)/.test(changed) ? { name: changed } : originalSam2Naming(name);
};

/** Sizes of a checkpoint under the original names, from its tensors; throws CheckpointError as originalSam2Config. */
export function originalSam2VideoConfig(table: TensorTable): Sam2VideoConfig {
  const config = originalSam2Config(table);
  const json = {
    enable_occlusion_spatial_embedding: table.tensors.has("no_obj_embed_spatial"),
    enable_temporal_pos_encoding_for_object_pointers: table.tensors.has("obj_ptr_tpos_proj.weight"),
  };
  return { ...config, memory: memoryConfig({ file: table.name, json }, config) };
}
