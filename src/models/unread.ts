// Tensors of a checkpoint that its model does not read. A layout that differs from what is known here shows as such
// tensors, and results would be wrong without a word; so they are an error, but for what checkpoints are known to hold
// beside the model.
import type { Family, FamilyModel } from "./family.ts";
import { graphOf } from "./part.ts";
import { type TensorTable, Weights } from "./weights.ts";

/** Buffers that frameworks keep among the weights, which no model reads. */
const BUFFERS: readonly RegExp[] = [
  /(^|\.)num_batches_tracked$/, // BatchNorm2d: counts of batches
  /(^|\.)position_ids$/, // older transformers: 0, 1, 2 …
  /^(text\.)?attn_mask$/, // older open_clip: the causal mask
  /^n_averaged$/, // AveragedModel of torch.optim.swa_utils: how many models it is the mean of
];

/** Names of the tensors that no part of the model reads, but for those that it has beside it. */
export function unreadTensors(table: TensorTable, family: Family, model: FamilyModel): string[] {
  const read = new Set<string>();
  const parts = [...model.firstParts("f32"), ...(model.otherParts?.("f32") ?? [])];
  for (const part of parts) graphOf(part, (graph) => Weights.of(graph, table, "f32", model.naming, read));
  const known = [...BUFFERS, ...(family.beside ?? []), ...(model.beside ?? [])];
  const isBeside = (name: string) => known.some((pattern) => pattern.test(name));
  return [...table.tensors.keys()].filter((name) => !read.has(name) && !isBeside(name));
}

/** Throws CheckpointError where the checkpoint has tensors of the model that nothing reads. */
export async function checkAllRead(table: TensorTable, family: Family, model: FamilyModel): Promise<void> {
  const unread = unreadTensors(table, family, model);
  if (unread.length > 0) throw (await import("./unreadError.ts")).unreadError(table.name, unread);
}
