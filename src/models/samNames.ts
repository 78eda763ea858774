// The original names of SAM's tensors (facebookresearch/segment-anything: modeling/sam.py), as a map from those of
// Hugging Face's SamModel, which the models speak. MobileSAM's checkpoints have the original names; those of its
// TinyViT (image_encoder.layers.1.blocks.0.attn.qkv.weight) have no other and stay as they are.
import type { Naming, TensorTable } from "./weights.ts";

/** Beginnings, and parts within a layer. */
const PARTS: readonly (readonly [string, string])[] = [
  ["shared_image_embedding.positional_embedding", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"],
  ["vision_encoder.patch_embed.projection.", "image_encoder.patch_embed.proj."],
  ["vision_encoder.layers.", "image_encoder.blocks."],
  ["vision_encoder.neck.conv1.", "image_encoder.neck.0."],
  ["vision_encoder.neck.layer_norm1.", "image_encoder.neck.1."],
  ["vision_encoder.neck.conv2.", "image_encoder.neck.2."],
  ["vision_encoder.neck.layer_norm2.", "image_encoder.neck.3."],
  ["vision_encoder.", "image_encoder."],
  ["prompt_encoder.point_embed.", "prompt_encoder.point_embeddings."],
  ["prompt_encoder.mask_embed.conv1.", "prompt_encoder.mask_downscaling.0."],
  ["prompt_encoder.mask_embed.layer_norm1.", "prompt_encoder.mask_downscaling.1."],
  ["prompt_encoder.mask_embed.conv2.", "prompt_encoder.mask_downscaling.3."],
  ["prompt_encoder.mask_embed.layer_norm2.", "prompt_encoder.mask_downscaling.4."],
  ["prompt_encoder.mask_embed.conv3.", "prompt_encoder.mask_downscaling.6."],
  ["mask_decoder.upscale_conv1.", "mask_decoder.output_upscaling.0."],
  ["mask_decoder.upscale_layer_norm.", "mask_decoder.output_upscaling.1."],
  ["mask_decoder.upscale_conv2.", "mask_decoder.output_upscaling.3."],
  [".layer_norm_final_attn.", ".norm_final_attn."],
  [".layer_norm", ".norm"],
];

const POSITIONS = "shared_image_embedding.positional_embedding";
const HEAD =
  /^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)(proj_in|proj_out|layers\.(\d+))/;

/** Layers of a head: the first is proj_in, the last proj_out. */
function headLayer(name: string, tensors: TensorTable["tensors"]): string {
  return name.replace(HEAD, (_, head: string, layer: string, index: string | undefined) => {
    if (layer === "proj_in") return `${head}layers.0`;
    if (index !== undefined) return `${head}layers.${Number(index) + 1}`;
    let last = 1;
    while (tensors.has(`${head}layers.${last + 1}.weight`)) last++;
    return `${head}layers.${last}`;
  });
}

/** True for checkpoints under the original names. */
export function hasOriginalSamNames({ tensors }: TensorTable): boolean {
  return tensors.has("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
}

/** The naming that a checkpoint of SAM uses. */
export function samNaming(table: TensorTable): Naming {
  const { tensors } = table;
  if (hasOriginalSamNames(table)) {
    return (name) => ({
      name: PARTS.reduce((text, [ours, theirs]) => text.replace(ours, theirs), headLayer(name, tensors)),
    });
  }
  // The Gaussian matrix is shared by two modules, and a file may hold it under either's name.
  const positions = tensors.has(POSITIONS) ? POSITIONS : "prompt_encoder.shared_embedding.positional_embedding";
  return (name) => ({ name: name === POSITIONS ? positions : name });
}
