/** Files that tell what a place without readable weights is, where it cannot be listed. */
export const TELLING_FILES: readonly string[] = [
  "adapter_config.json",
  "adapter_model.safetensors",
  "model.fp16.safetensors",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "open_clip_pytorch_model.bin",
  "onnx/model.onnx",
  "model.onnx",
  "tf_model.h5",
  "flax_model.msgpack",
];
