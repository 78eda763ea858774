// Weights of types that few checkpoints have: 64-bit and 8-bit floats are read as f32, LoRA is added to the weight that
// it adapts, and what is quantised in other ways is refused by name. Loaded where a checkpoint has such tensors.
import { CheckpointError } from "../device/errors.ts";
import { asF32 } from "../io/safetensors/asF32.ts";
import type { StoredTensor } from "../io/safetensors/checkpoint.ts";
import type { Source } from "../io/source/source.ts";

/** Tensors of quantised weights, and who writes them so: their weights mean nothing without them. */
const QUANTISED: readonly (readonly [RegExp, string])[] = [
  [/\.SCB$/, "bitsandbytes' int8 (load_in_8bit)"],
  [/\.(absmax|quant_map|nested_absmax|quant_state\..*)$/, "bitsandbytes' 4-bit"],
  [/\.(qweight|qzeros|scales|g_idx)$/, "GPTQ or AWQ"],
  [/(^|\.)(weight_scale(_inv)?|scale_weight|input_scale|scale_input|scaled_fp8)$/, "8-bit floats with scales"],
];

const READ_AS_F32: readonly string[] = ["F64", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"];

/** The same tensors as the GPU can read them; throws CheckpointError where one is quantised or LoRA has no scale. */
export async function readableWeights(
  file: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  source: Source,
): Promise<ReadonlyMap<string, StoredTensor>> {
  for (const name of tensors.keys()) {
    const kind = QUANTISED.find(([pattern]) => pattern.test(name))?.[1];
    if (!kind) continue;
    throw new CheckpointError(
      `${file}: tensor "${name}" says that the weights are quantised (${kind}), which is not read: ` +
        "take the checkpoint before it was quantised, or save it dequantised",
    );
  }
  const isAdapted = [...tensors.keys()].some((name) => /(^|\.)lora_/.test(name));
  const merged = isAdapted ? await (await import("./lora.ts")).withLora(file, tensors, source) : tensors;
  const readable = [...merged].map(([name, tensor]) => {
    return [name, READ_AS_F32.includes(tensor.dtype) ? asF32(tensor) : tensor] as const;
  });
  return new Map(readable);
}
