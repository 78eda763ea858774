// Checkpoints of SAM as facebookresearch/segment-anything (modeling/sam.py, build_sam.py) and MobileSAM publish them:
// the original names as a map from those of Hugging Face's SamModel, and sizes from the tensors. Tensors of MobileSAM's
// TinyViT (image_encoder.layers.1.blocks.0.attn.qkv.weight) have no other name and stay as they are.
import { CheckpointError } from "../../device/errors.ts";
import type { Naming, TensorTable } from "../weights.ts";
import type { SamConfig, SamVisionConfig, TinyVitConfig } from "./config.ts";
import { hasTinyVit } from "./names.ts";
import { checked, decoderConfig, promptConfig, visionConfig } from "./readConfig.ts";

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

/** The naming of a checkpoint under the original names. */
export function originalSamNaming({ tensors }: TensorTable): Naming {
  return (name) => ({ name: originalSamName(headLayer(name, tensors)) });
}

/** A name of SamModel as the original code has it, but for the layers of heads. */
export function originalSamName(name: string): string {
  return PARTS.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);
}

/**
 * Sizes of a checkpoint under the original names (segment_anything/build_sam.py, mobile_sam/build_sam.py), from its
 * tensors; what shapes do not tell is the same in every published model.
 *
 * @throws CheckpointError when tensors of SAM are missing
 */
export function originalSamConfig({ name, tensors }: TensorTable): SamConfig {
  const shape = (tensor: string): readonly number[] => {
    const stored = tensors.get(tensor)?.shape;
    if (stored) return stored;
    throw new CheckpointError(`${name} has neither a config.json nor a tensor "${tensor}": is it a SAM checkpoint?`);
  };
  const decoder = {
    hidden_size: shape("mask_decoder.iou_token.weight")[1],
    mlp_dim: shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")[0],
    num_multimask_outputs: (shape("mask_decoder.mask_tokens.weight")[0] ?? 0) - 1,
  };
  const prompt = {
    hidden_size: shape("prompt_encoder.no_mask_embed.weight")[1],
    mask_input_channels: shape("prompt_encoder.mask_downscaling.3.weight")[0],
  };
  return checked({
    vision: hasTinyVit({ name, tensors }) ? tinyVitSizes(tensors, shape) : vitSizes(tensors, shape),
    prompt: promptConfig({ file: name, json: prompt }),
    decoder: decoderConfig({ file: name, json: decoder }, 1e-5),
  });
}

type ShapeOf = (tensor: string) => readonly number[];

function vitSizes(tensors: TensorTable["tensors"], shape: ShapeOf): SamVisionConfig {
  const [, side = 0, , hidden_size = 0] = shape("image_encoder.pos_embed");
  const patch_size = shape("image_encoder.patch_embed.proj.weight")[3] ?? 0;
  const layers = countOf(tensors, (i) => `image_encoder.blocks.${i}.norm1.weight`);
  // A layer's table of relative positions has 2 S - 1 rows for windows (or a map) of side S.
  const sides = Array.from({ length: layers }, (_, i) => {
    const [rows = 0] = shape(`image_encoder.blocks.${i}.attn.rel_pos_h`);
    return (rows + 1) / 2;
  });
  const [, headSize = 0] = shape("image_encoder.blocks.0.attn.rel_pos_h");
  return visionConfig({
    file: "image_encoder",
    json: {
      hidden_size,
      num_hidden_layers: layers,
      num_attention_heads: hidden_size / headSize,
      mlp_dim: shape("image_encoder.blocks.0.mlp.lin1.weight")[0],
      image_size: side * patch_size,
      patch_size,
      window_size: Math.min(...sides),
      global_attn_indexes: sides.flatMap((length, i) => (length === side ? [i] : [])),
      output_channels: shape("image_encoder.neck.0.weight")[0],
    },
  });
}

/** Heads have 32 channels (mobile_sam/build_sam.py). */
function tinyVitSizes(tensors: TensorTable["tensors"], shape: ShapeOf): TinyVitConfig {
  const [first = 0] = shape("image_encoder.patch_embed.seq.2.c.weight");
  const stages = [1, 2, 3].map((stage) => {
    const block = (i: number) => `image_encoder.layers.${stage}.blocks.${i}.attn`;
    const [dim = 0] = shape(`${block(0)}.norm.weight`);
    const [heads = 0, offsets = 0] = shape(`${block(0)}.attention_biases`);
    return { dim, heads, window: Math.sqrt(offsets), depth: countOf(tensors, (i) => `${block(i)}.norm.weight`) };
  });
  const convolutions = countOf(tensors, (i) => `image_encoder.layers.0.blocks.${i}.conv1.c.weight`);
  return {
    model_type: "tiny_vit",
    image_size: 1024,
    patch_size: 16,
    output_channels: shape("image_encoder.neck.0.weight")[0] ?? 0,
    embed_dims: [first, ...stages.map(({ dim }) => dim)],
    depths: [convolutions, ...stages.map(({ depth }) => depth)],
    num_heads: [first / 32, ...stages.map(({ heads }) => heads)],
    window_sizes: [7, ...stages.map(({ window }) => window)],
  };
}

function countOf(tensors: TensorTable["tensors"], nameOf: (i: number) => string): number {
  let count = 0;
  while (tensors.has(nameOf(count))) count++;
  return count;
}
