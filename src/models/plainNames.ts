// The names of a checkpoint's tensors without what training tools put around them, so that each family knows its own
// names alone: wrappers of modules (torch.compile, DDP, FSDP, PEFT), whatever prefix the model as a whole stands behind
// (model., backbone., teacher.backbone. …), and FSDP's chunks of blocks.
import { CheckpointError } from "../device/errors.ts";

/** Modules that wrap another, and which may stand anywhere in a name: torch's DDP, FSDP and compile, PEFT's layers. */
const WRAPPERS: readonly string[] = [
  "module",
  "_orig_mod",
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
  "base_layer",
];

/**
 * Tensors that checkpoints are known by, the more telling first: of a name that ends so, what stands before it is the
 * prefix of the whole model. An image encoder of SAM has the names of a DINO, and a tower of CLIP those of a flat one.
 */
const ANCHORS: readonly string[] = [
  "mask_decoder.iou_token.weight", // SAM, under all namings
  "sam_mask_decoder.iou_token.weight", // SAM 2, Facebook
  "vision_model.embeddings.patch_embedding.weight", // CLIP, transformers
  "text_model.embeddings.token_embedding.weight",
  "visual.conv1.weight", // CLIP, OpenAI and open_clip
  "text.token_embedding.weight",
  "embeddings.patch_embedding.weight", // a tower alone as transformers 5.6 and later save it
  "embeddings.token_embedding.weight",
  "token_embedding.weight",
  "patch_embed.proj.weight", // DINO, Facebook and timm
  "embeddings.patch_embeddings.projection.weight", // transformers
  "embeddings.patch_embeddings.weight",
  "layer1.0.conv1.weight", // ResNets, torchvision
  "embedder.embedder.convolution.weight", // transformers
];

/**
 * Stored names by plain ones. What is outside of the model's prefix (heads, a student beside its teacher) is left out.
 *
 * @throws CheckpointError where several models are in the checkpoint, or two tensors come to one name
 */
export function plainNames(file: string, stored: Iterable<string>): ReadonlyMap<string, string> {
  const unwrapped = [...stored].map((name) => [withoutWrappers(name), name] as const);
  const prefix = prefixOf(
    file,
    unwrapped.map(([name]) => name),
  );
  const plain = new Map<string, string>();
  for (const [name, from] of unwrapped) {
    if (!name.startsWith(prefix)) continue;
    const to = withoutChunks(name.slice(prefix.length));
    const other = plain.get(to);
    if (other) throw new CheckpointError(`${file} has two tensors for "${to}": "${other}" and "${from}"`);
    plain.set(to, from);
  }
  return plain;
}

function withoutWrappers(name: string): string {
  const parts = name.split(".");
  return parts.filter((part) => !WRAPPERS.includes(part)).join(".");
}

/**
 * DINOv2's FSDP keeps blocks in chunks: blocks.1.7.norm1 is of block 7 (facebookresearch/dinov2:
 * dinov2/models/vision_transformer.py, BlockChunk, whose blocks before its own are identities).
 */
function withoutChunks(name: string): string {
  return name.replace(/^blocks\.\d+\.(\d+\.)/, "blocks.$1");
}

/** What the names of the model's tensors begin with. */
function prefixOf(file: string, names: readonly string[]): string {
  for (const anchor of ANCHORS) {
    const isAnchor = (name: string) => name === anchor || name.endsWith(`.${anchor}`);
    const prefixes = names.filter(isAnchor).map((name) => name.slice(0, -anchor.length));
    const [first, ...others] = prefixes;
    if (first === undefined) continue;
    if (others.length === 0 || prefixes.includes("")) return others.length ? "" : first;
    // Of a student and its teacher, Facebook's own loader takes the teacher (dino: utils.py, load_pretrained_weights).
    const teachers = prefixes.filter((prefix) => prefix.split(".").some((part) => /^teacher(_|$)/.test(part)));
    if (teachers.length === 1) return teachers[0] as string;
    const listed = prefixes.map((prefix) => `"${prefix}"`).join(", ");
    throw new CheckpointError(`${file} has several models, below ${listed}: keep the tensors of one`);
  }
  return "";
}
