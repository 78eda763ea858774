// What a place without readable weights is, where it cannot be listed: it is asked for files that would tell.
import type { ByteSource } from "./bytes.ts";

/** Files that tell what kind of model it is. */
export const TELLING_FILES: readonly string[] = [
  "adapter_config.json",
  "adapter_model.safetensors",
  "pytorch_lora_weights.safetensors",
  "model.safetensors",
  "model.fp16.safetensors",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "open_clip_pytorch_model.bin",
  "onnx/model.onnx",
  "model.onnx",
  "tf_model.h5",
  "flax_model.msgpack",
];

/** Those of some files that are there; nothing of them is kept. */
export async function heldOf(
  open: (file: string) => Promise<ByteSource | undefined>,
  names: readonly string[],
): Promise<string[]> {
  const held: string[] = [];
  for (const name of names) {
    const file = await open(name);
    await file?.close?.();
    if (file) held.push(name);
  }
  return held;
}
