// A checkpoint as the families read it: under plain names, with weights of the types that the GPU casts. What few
// checkpoints have (LoRA, 8-bit and 64-bit floats) is read by code that is loaded for it.
import type { Checkpoint, StoredTensor } from "../io/safetensors/checkpoint.ts";
import type { Source } from "../io/source/source.ts";
import { plainNames } from "../models/plainNames.ts";

/** Integers are of buffers that no model reads: position_ids, num_batches_tracked. */
const USUAL: readonly string[] = ["F32", "F16", "BF16", "I64", "I32"];

/** Tensors beside a weight that change what it means. */
const MODIFIERS = /(^|\.)(lora_|SCB$|absmax$|quant_|q(weight|zeros)$|g_idx$|(scaled|weight|input|scale)_|scales$)/;

/** The same checkpoint under plain names; see plainNames. Throws CheckpointError for weights that cannot be read. */
export async function plainCheckpoint(checkpoint: Checkpoint, source: Source): Promise<Checkpoint> {
  const { tensors } = checkpoint;
  const plain = new Map<string, StoredTensor>();
  for (const [name, stored] of plainNames(checkpoint.name, tensors.keys())) {
    plain.set(name, { ...(tensors.get(stored) as StoredTensor), name });
  }
  const isUnusual = [...plain].some(([name, { dtype }]) => !USUAL.includes(dtype) || MODIFIERS.test(name));
  if (!isUnusual) return { ...checkpoint, tensors: plain };
  const { readableWeights } = await import("./unusualWeights.ts");
  return { ...checkpoint, tensors: await readableWeights(checkpoint.name, plain, source) };
}
