// Whether a checkpoint is a ResNet's, told by the tensors of its stem and its first block.
import type { TensorTable } from "../weights.ts";

export const STEM = "embedder.embedder.";

/** True for the tensors of a ResNet under any naming. */
export function isResnet(table: TensorTable): boolean {
  return table.tensors.has(`${STEM}convolution.weight`) || isTorchvision(table);
}

/** True for torchvision's names. */
function isTorchvision({ tensors }: TensorTable): boolean {
  return tensors.has("conv1.weight") && tensors.has("layer1.0.conv1.weight");
}
