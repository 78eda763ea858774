// Whether a checkpoint is a ResNet's, told by the tensors of its stem and its first block.
import type { TensorTable } from "../weights.ts";

export const STEM = "embedder.embedder.";
export const PREFIXES = ["", "module.", "backbone.", "module.backbone.", "resnet.", "model."];

/** True for the tensors of a ResNet under any naming. */
export function isResnet({ tensors }: TensorTable): boolean {
  return PREFIXES.some((prefix) => tensors.has(`${prefix}${STEM}convolution.weight`) || isTorchvision(tensors, prefix));
}

/** True for torchvision's names behind a prefix. */
export function isTorchvision(tensors: TensorTable["tensors"], prefix: string): boolean {
  return tensors.has(`${prefix}conv1.weight`) && tensors.has(`${prefix}layer1.0.conv1.weight`);
}
