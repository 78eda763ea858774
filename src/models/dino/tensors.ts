// What a DINO checkpoint is where no config.json of transformers says it: Facebook's and timm's files, whose sizes are
// in their tensors (facebookresearch/dino: vision_transformer.py, dinov2 and dinov3: models/vision_transformer.py), and
// the rest in what timm writes beside them. Loaded where a checkpoint is one of these.
import { CheckpointError } from "../../device/errors.ts";
import type { ModelFiles } from "../family.ts";
import type { TensorTable } from "../weights.ts";
import type { DinoConfig } from "./config.ts";
import { facebookNaming } from "./facebookNames.ts";
import { type TimmSettings, timmSettings } from "./timm.ts";

/** The config of a ViT under Facebook's names; throws CheckpointError where it is none, or its heads are not known. */
export function dinoConfigOf(files: ModelFiles): DinoConfig {
  const shape = (name: string) => files.tensors.get(name)?.shape ?? [];
  const [hidden_size = 0, , patch_size = 0] = shape("patch_embed.proj.weight");
  if (hidden_size === 0 || patch_size === 0) {
    const names = [...files.tensors.keys()].slice(0, 3).map((name) => `"${name}"`);
    throw new CheckpointError(
      `${files.name} has no config.json that says what it is, and no tensors of a DINO under Facebook's names ` +
        `("patch_embed.proj.weight") or torchvision's ("conv1.weight"): it begins with ${names.join(", ")}`,
    );
  }
  const timm = timmSettings(files.config, hidden_size);
  const model_type = timm?.isDinov3 ? "dinov3_vit" : modelType(files);
  const isV3 = model_type === "dinov3_vit";
  const naming = facebookNaming(files);
  const isGated = files.tensors.has(naming("blocks.0.mlp.w1.weight").name);
  const num_register_tokens = shape(naming("register_tokens").name)[1] ?? 0;
  const positions = isV3 ? undefined : positionsOf(files, num_register_tokens, patch_size, timm);
  const side = positions?.side ?? Math.floor((timm?.image_size ?? 224) / patch_size);
  return {
    model_type,
    hidden_size,
    num_hidden_layers: layersOf(files),
    num_attention_heads: timm?.num_heads ?? facebookHeads(files.name, hidden_size),
    hidden_act: isGated ? "silu" : (timm?.hidden_act ?? "gelu"), // every published SwiGLU has silu
    layer_norm_eps: timm?.layer_norm_eps ?? (isV3 ? 1e-5 : 1e-6),
    image_size: side * patch_size,
    patch_size,
    num_register_tokens,
    ...(isV3 && { rope_theta: timm?.rope_theta ?? 100 }),
    ...(positions && positions.prefix !== 1 && { embedded_prefix_tokens: positions.prefix }),
    ...(hasNoFinalNorm(files, timm) && { final_norm: false }),
    // timm resizes positions so (timm/layers/pos_embed.py), DINOv2 with registers too.
    antialias: timm !== undefined || model_type === "dinov2_with_registers",
  };
}

function modelType({ tensors }: TensorTable): DinoConfig["model_type"] {
  const isTimmV3 = tensors.has("reg_token") && !tensors.has("pos_embed");
  if (isTimmV3 || tensors.has("rope_embed.periods") || tensors.has("storage_tokens")) return "dinov3_vit";
  if (tensors.has("register_tokens") || tensors.has("reg_token")) return "dinov2_with_registers";
  return tensors.has("blocks.0.ls1.gamma") ? "dinov2" : "vit";
}

function layersOf({ name, tensors }: TensorTable): number {
  let layers = 0;
  while (tensors.has(`blocks.${layers}.norm1.weight`)) layers++;
  if (layers === 0) throw new CheckpointError(`${name} has no blocks ("blocks.0.norm1.weight")`);
  return layers;
}

/** All that Facebook published have heads of 64 channels, but DINOv3's largest of 128 (dinov3/hub/backbones.py). */
function facebookHeads(file: string, width: number): number {
  const size = width === 4096 ? 128 : 64;
  if (width % size === 0) return width / size;
  throw new CheckpointError(
    `${file} has ${width} channels, which are no heads of 64, and no config.json that says num_heads: put timm's or ` +
      "transformers' config.json beside it",
  );
}

/** timm norms the pooled features where they are a mean, and the tokens not at all (vision_transformer.py, fc_norm). */
function hasNoFinalNorm({ tensors }: TensorTable, timm?: TimmSettings): boolean {
  return !tensors.has("norm.weight") && (tensors.has("fc_norm.weight") || timm?.final_norm === false);
}

/** The side of the trained grid, and how many tokens before it have a position: none, the class token, or all. */
function positionsOf({ name, tensors }: TensorTable, registers: number, patch: number, timm?: TimmSettings) {
  const rows = tensors.get("pos_embed")?.shape[1] ?? 0;
  const trained = timm?.image_size && Math.floor(timm.image_size / patch);
  for (const prefix of timm?.no_embed_class ? [0] : [1, 0, 1 + registers]) {
    const side = Math.sqrt(rows - prefix);
    if (side >= 1 && Number.isInteger(side) && (trained === undefined || trained === side)) return { prefix, side };
  }
  throw new CheckpointError(
    `${name}: tensor "pos_embed" has ${rows} positions, expected those of a square grid` +
      `${trained ? ` of ${trained} x ${trained} patches` : ""}, with or without the class token's` +
      `${registers ? ` and ${registers} registers'` : ""}`,
  );
}
