// Names of CLIP's tensors. The models speak those of Hugging Face's CLIPModel; OpenAI's and open_clip's are read by
// openaiNames.ts.
import type { Naming, TensorTable } from "../weights.ts";

/** True for a checkpoint under OpenAI's names. */
export function hasOpenaiNames({ tensors }: TensorTable): boolean {
  return ["visual.conv1.weight", "token_embedding.weight", "text.token_embedding.weight"].some((name) =>
    tensors.has(name),
  );
}

/** The naming that a checkpoint of CLIP uses, under plain names (see plainNames.ts). */
export async function clipNaming(table: TensorTable): Promise<Naming> {
  if (hasOpenaiNames(table)) return (await import("./openaiNames.ts")).openaiNaming(table);
  // transformers 5.6 and later save a tower alone without the name of its module.
  const isFlat = ["patch", "token"].some((kind) => table.tensors.has(`embeddings.${kind}_embedding.weight`));
  return (name) => ({ name: isFlat ? name.replace(/^(text|vision)_model\./, "") : name });
}
