// OpenAI's and open_clip's names of CLIP (openai/CLIP: clip/model.py), as a map from Hugging Face's. The image tower of
// a ResNet, which Hugging Face has not, is read under OpenAI's names as they are. Loaded where a checkpoint has them.
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

/** open_clip's CustomTextCLIP keeps the text tower behind "text."; CLIP has it beside the image tower. */
const CUSTOM_TEXT = "text.";

/** The naming of a checkpoint under OpenAI's names. */
export function openaiNaming({ tensors }: TensorTable): Naming {
  const text = tensors.has(`${CUSTOM_TEXT}token_embedding.weight`) ? CUSTOM_TEXT : "";
  // With proj_bias the text's projection is a module, stored as any other.
  const isModule = tensors.has(`${text}text_projection.weight`);
  return (name) => {
    const stored = name.startsWith("text_projection.") && isModule ? { name } : openaiName(name);
    return name.startsWith("text_") ? { ...stored, name: text + stored.name } : stored;
  };
}

/** q, k and v are equal parts of the rows of one tensor. */
function openaiName(name: string): StoredName {
  const whole = WHOLE[name];
  if (whole) return whole;
  const stored = PARTS.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);
  const [, block, projection = "", kind] = /^(.*)\.self_attn\.([qkv]_proj)\.(weight|bias)$/.exec(stored) ?? [];
  if (!block) return { name: stored };
  return { name: `${block}.attn.in_proj_${kind}`, part: { index: QKV.indexOf(projection), of: 3 } };
}
