// What a DINO checkpoint is where no config.json of transformers says it: Facebook's and timm's files, whose sizes are
// in their tensors (facebookresearch/dino: vision_transformer.py, dinov2 and dinov3: models/vision_transformer.py).
import { CheckpointError } from "../../device/errors.ts";
import type { TensorTable } from "../weights.ts";
import type { DinoConfig } from "./config.ts";

const HEAD_SIZE = 64; // of every published ViT

/** Whether the tensors are a ViT's under Facebook's names. */
export function hasFacebookNames({ tensors }: TensorTable): boolean {
  return tensors.has("patch_embed.proj.weight") && tensors.has("blocks.0.norm1.weight");
}

/** The config of a ViT under Facebook's names; throws CheckpointError where it is none. */
export function dinoConfigOf(table: TensorTable): DinoConfig {
  const shape = (name: string) => table.tensors.get(name)?.shape ?? [];
  const [hidden_size = 0, , patch_size = 0] = shape("patch_embed.proj.weight");
  if (hidden_size === 0 || hidden_size % HEAD_SIZE || patch_size === 0) {
    throw new CheckpointError(
      `${table.name} has no config.json that says what it is, and no tensors of a DINO under Facebook's names ` +
        '("patch_embed.proj.weight") or torchvision\'s ("conv1.weight")',
    );
  }
  const model_type = modelType(table);
  const isV3 = model_type === "dinov3_vit";
  const side = Math.sqrt((shape("pos_embed")[1] ?? 1) - 1);
  const num_register_tokens = shape("storage_tokens")[1] ?? shape("register_tokens")[1] ?? 0;
  let num_hidden_layers = 0;
  while (table.tensors.has(`blocks.${num_hidden_layers}.norm1.weight`)) num_hidden_layers++;
  if (num_hidden_layers === 0 || !Number.isInteger(side)) {
    throw new CheckpointError(`${table.name} has no blocks ("blocks.0.norm1.weight"), or positions of no square grid`);
  }
  return {
    model_type,
    hidden_size,
    num_hidden_layers,
    num_attention_heads: hidden_size / HEAD_SIZE,
    hidden_act: "gelu",
    layer_norm_eps: isV3 ? 1e-5 : 1e-6,
    image_size: isV3 ? 224 : side * patch_size,
    patch_size,
    num_register_tokens,
    ...(isV3 && { rope_theta: 100 }),
    antialias: model_type === "dinov2_with_registers",
  };
}

function modelType({ tensors }: TensorTable): DinoConfig["model_type"] {
  if (tensors.has("rope_embed.periods") || tensors.has("storage_tokens")) return "dinov3_vit";
  if (tensors.has("register_tokens")) return "dinov2_with_registers";
  return tensors.has("blocks.0.ls1.gamma") ? "dinov2" : "vit";
}
