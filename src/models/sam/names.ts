// Names of SAM's tensors. The models speak those of Hugging Face's SamModel; checkpoints under the original names are
// read by samOriginal.ts.
import type { Naming, TensorTable } from "../weights.ts";

const POSITIONS = "shared_image_embedding.positional_embedding";

/** True for checkpoints under the original names. */
export function hasOriginalSamNames({ tensors }: TensorTable): boolean {
  return tensors.has("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
}

/** True for checkpoints of SAM 2 under the original names. */
export function hasOriginalSam2Names({ tensors }: TensorTable): boolean {
  return tensors.has("sam_mask_decoder.iou_token.weight");
}

/** Whether the image encoder is MobileSAM's. */
export function hasTinyVit({ tensors }: TensorTable): boolean {
  return tensors.has("image_encoder.patch_embed.seq.0.c.weight");
}

/** The naming of SamModel. The Gaussian matrix is shared by two modules, and a file may hold it under either's name. */
export function samNaming({ tensors }: TensorTable): Naming {
  const positions = tensors.has(POSITIONS) ? POSITIONS : "prompt_encoder.shared_embedding.positional_embedding";
  return (name) => ({ name: name === POSITIONS ? positions : name });
}
