// OpenAI's and open_clip's names of CLIP (openai/CLIP: clip/model.py), as a map from Hugging Face's. The image tower of
// a ResNet, which Hugging Face has not, is read under OpenAI's names as they are.
import type { Naming, StoredName, TensorTable } from "../weights.ts";

/** Names that differ as wholes. `visual.proj` and `text_projection` are stored as [in, out]. */
const WHOLE: Readonly<Record<string, StoredName>> = {
  "visual_projection.weight": { name: "visual.proj", transposed: true },
  "text_projection.weight": { name: "text_projection", transposed: true },
  "vision_model.embeddings.class_embedding": { name: "visual.class_embedding" },
  "vision_model.embeddings.position_embedding.weight": { name: "visual.positional_embedding" },
  "vision_model.embeddings.patch_embedding.weight": { name: "visual.conv1.weight" },
  "text_model.embeddings.token_embedding.weight": { name: "token_embedding.weight" },
  "text_model.embeddings.position_embedding.weight": { name: "positional_embedding" },
};

/** Beginnings, and parts within a layer. */
const PARTS: readonly (readonly [string, string])[] = [
  ["vision_model.encoder.layers.", "visual.transformer.resblocks."],
  ["vision_model.pre_layrnorm.", "visual.ln_pre."],
  ["vision_model.post_layernorm.", "visual.ln_post."],
  ["text_model.encoder.layers.", "transformer.resblocks."],
  ["text_model.final_layer_norm.", "ln_final."],
  [".layer_norm1.", ".ln_1."],
  [".layer_norm2.", ".ln_2."],
  [".self_attn.out_proj.", ".attn.out_proj."],
  [".mlp.fc1.", ".mlp.c_fc."],
  [".mlp.fc2.", ".mlp.c_proj."],
];

const QKV = ["q_proj", "k_proj", "v_proj"];

/** q, k and v are equal parts of the rows of one tensor. */
const openaiName: Naming = (name) => {
  const whole = WHOLE[name];
  if (whole) return whole;
  const stored = PARTS.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);
  const [, block, projection = "", kind] = /^(.*)\.self_attn\.([qkv]_proj)\.(weight|bias)$/.exec(stored) ?? [];
  if (!block) return { name: stored };
  return { name: `${block}.attn.in_proj_${kind}`, part: { index: QKV.indexOf(projection), of: 3 } };
};

/** The naming that a checkpoint of CLIP uses. */
export function clipNaming({ tensors }: TensorTable): Naming {
  const isOpenai = tensors.has("visual.conv1.weight") || tensors.has("transformer.resblocks.0.ln_1.weight");
  return isOpenai ? openaiName : (name) => ({ name });
}
