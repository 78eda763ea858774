// Checkpoints of SAM 2 as facebookresearch/sam2 publishes them (sam2/modeling, sam2/configs): the original names as a
// map from those that the models speak, and sizes from the tensors.
import { CheckpointError } from "../../device/errors.ts";
import type { SamConfig } from "../sam/config.ts";
import { originalSamName } from "../sam/original.ts";
import { promptConfig } from "../sam/readConfig.ts";
import type { Naming, TensorTable } from "../weights.ts";
import { checkedSam2, sam2DecoderConfig, sam2VisionConfig } from "./readConfig.ts";

/** Of the image encoder: beginnings, and parts within a block. */
const VISION: readonly (readonly [string | RegExp, string])[] = [
  ["vision_encoder.backbone.patch_embed.projection.", "image_encoder.trunk.patch_embed.proj."],
  ["vision_encoder.backbone.", "image_encoder.trunk."],
  [/^vision_encoder\.neck\.convs\.(\d)\./, "image_encoder.neck.convs.$1.conv."],
  [".mlp.proj_in.", ".mlp.layers.0."],
  [".mlp.proj_out.", ".mlp.layers.1."],
  [".layer_norm", ".norm"],
];

/** Of the mask decoder, before what it has in common with SAM's. */
const DECODER: readonly (readonly [string | RegExp, string])[] = [
  [".mlp.lin1.", ".mlp.layers.0."],
  [".mlp.lin2.", ".mlp.layers.1."],
  [/^(.*(?:_mlps\.\d|_head)\.)layers\.0\./, "$1layers.1."],
  [/^(.*(?:_mlps\.\d|_head)\.)proj_in\./, "$1layers.0."],
  [/^(.*(?:_mlps\.\d|_head)\.)proj_out\./, "$1layers.2."],
];

/** From the names of models/sam and models/sam2 to those of facebookresearch/sam2. */
export const originalSam2Naming: Naming = (name) => {
  const replaced = (list: typeof VISION) => list.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);
  if (name === "no_memory_embedding") return { name: "no_mem_embed" };
  if (name.startsWith("vision_encoder.")) return { name: replaced(VISION) };
  return { name: `sam_${originalSamName(replaced(DECODER))}` };
};

/** What the tensors of a published model do not tell: sam2/configs/sam2.1/*.yaml, which here are those of SAM 2. */
const PUBLISHED = [
  { blocks: 12, heads: 1, global_attention_blocks: [5, 7, 9], window_size_per_stage: [8, 4, 14, 7] }, // tiny
  { blocks: 16, heads: 1, global_attention_blocks: [7, 10, 13], window_size_per_stage: [8, 4, 14, 7] }, // small
  { blocks: 24, heads: 2, global_attention_blocks: [12, 16, 20], window_size_per_stage: [8, 4, 14, 7] }, // base plus
  { blocks: 48, heads: 2, global_attention_blocks: [23, 33, 43], window_size_per_stage: [8, 4, 16, 8] }, // large
] as const;

/**
 * Sizes of a checkpoint under the original names, from its tensors.
 *
 * @throws CheckpointError when tensors of SAM 2 are missing, or it has as many blocks as no published model
 */
export function originalSam2Config({ name, tensors }: TensorTable): SamConfig {
  const shape = (tensor: string): readonly number[] => {
    const stored = tensors.get(tensor)?.shape;
    if (stored) return stored;
    throw new CheckpointError(`${name} has neither a config.json nor a tensor "${tensor}": is it a SAM 2 checkpoint?`);
  };
  const trunk = "image_encoder.trunk";
  let blocks = 0;
  while (tensors.has(`${trunk}.blocks.${blocks}.norm1.weight`)) blocks++;
  const published = PUBLISHED.find((model) => model.blocks === blocks);
  if (!published) {
    const known = PUBLISHED.map((model) => model.blocks).join(", ");
    throw new CheckpointError(
      `${name} has ${blocks} blocks and no config.json; SAM 2 is published with ${known}: add one of transformers`,
    );
  }
  // The first block of a further stage projects to that stage's width.
  const opening = Array.from({ length: blocks }, (_, i) => i).filter(
    (i) => i === 0 || tensors.has(`${trunk}.blocks.${i}.proj.weight`),
  );
  const [, hidden_size, ...background] = shape(`${trunk}.pos_embed`);
  const { heads, blocks: _, ...windows } = published;
  const backbone_config = {
    ...windows,
    hidden_size,
    blocks_per_stage: opening.map((first, stage) => (opening[stage + 1] ?? blocks) - first),
    embed_dim_per_stage: opening.map((i) => shape(`${trunk}.blocks.${i}.norm2.weight`)[0]),
    num_attention_heads_per_stage: opening.map((_, stage) => heads * 2 ** stage),
    window_positional_embedding_background_size: background,
  };
  const width = shape("no_mem_embed")[2];
  const [tokens = 0] = shape("sam_mask_decoder.mask_tokens.weight");
  const decoder = {
    hidden_size: width,
    iou_head_hidden_dim: shape("sam_mask_decoder.iou_prediction_head.layers.0.weight")[0],
    mlp_dim: shape("sam_mask_decoder.transformer.layers.0.mlp.layers.0.weight")[0],
    num_multimask_outputs: tokens - 1,
  };
  const mask_input_channels = shape("sam_prompt_encoder.mask_downscaling.3.weight")[0];
  return checkedSam2({
    vision: sam2VisionConfig({ file: name, json: { backbone_config, fpn_hidden_size: width } }),
    prompt: promptConfig({ file: name, json: { hidden_size: width, mask_input_channels } }),
    decoder: sam2DecoderConfig({ file: name, json: decoder }),
  });
}
