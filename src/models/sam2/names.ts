// Names of SAM 2's tensors. The models speak those of Hugging Face's Sam2Model, but of SAM's modules, where SAM 2 has
// the same ones, those of SamModel; checkpoints under the original names are read by original.ts.
import type { Naming } from "../weights.ts";

const POINT = /^prompt_encoder\.point_embed\.(\d)\.weight$/;

/** The naming of Sam2Model and Sam2VideoModel. */
export const sam2Naming: Naming = (name) => {
  const point = POINT.exec(name);
  if (point) return { name: "prompt_encoder.point_embed.weight", part: { index: Number(point[1]), of: 4 } };
  if (!name.startsWith("mask_decoder.")) return { name };
  return {
    name: name
      .replace(".out_proj.", ".o_proj.")
      .replace(".mlp.lin1.", ".mlp.proj_in.")
      .replace(".mlp.lin2.", ".mlp.proj_out."),
  };
};

/** Names of tensors that checkpoints hold beside the model. */
export const BESIDE: readonly RegExp[] = [
  /^(prompt_encoder\.)?shared_(image_)?embedding\.positional_embedding$/, // one matrix under the names of two modules
];

/** What videos do without too: a code that transformers keeps and never adds. */
export const UNREAD_OF_VIDEO: readonly RegExp[] = [/^(no_memory_positional_encoding|no_mem_pos_enc)$/];

/** What tracks objects through a video, which pictures do without; under both namings. */
export const OF_VIDEO: readonly RegExp[] = [
  /^memory_(attention|encoder)\./,
  /^(no_memory_positional_encoding|no_mem_pos_enc)$/,
  /^(memory_temporal_positional_encoding|maskmem_tpos_enc)$/, // how many frames ago a memory is from
  /^(object_pointer_proj|obj_ptr_proj)\./,
  /^(temporal_positional_encoding_projection_layer|obj_ptr_tpos_proj)\./,
  /^(no_object_pointer|no_obj_ptr)$/,
  /^(occlusion_spatial_embedding_parameter|no_obj_embed_spatial)$/,
  /^mask_downsample\./,
];
