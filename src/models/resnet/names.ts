// Published names of ResNets. src/models/resnet.ts speaks torchvision's; transformers' names are a map from these.

import type { Naming, TensorTable } from "../weights.ts";
import { STEM } from "./isResnet.ts";

/** The naming that a checkpoint of a ResNet uses, found by the tensor of its stem. */
export function resnetNaming({ tensors }: TensorTable): Naming {
  const isTransformers = tensors.has(`${STEM}convolution.weight`);
  return (name) => ({ name: isTransformers ? transformersName(name) : name });
}

function transformersName(name: string): string {
  return name
    .replace(/^conv1\./, `${STEM}convolution.`)
    .replace(/^bn1\./, `${STEM}normalization.`)
    .replace(/^layer(\d+)\.(\d+)\./, (_, stage, block) => `encoder.stages.${stage - 1}.layers.${block}.`)
    .replace(/\.conv(\d)\./, (_, i) => `.layer.${i - 1}.convolution.`)
    .replace(/\.bn(\d)\./, (_, i) => `.layer.${i - 1}.normalization.`)
    .replace(".downsample.0.", ".shortcut.convolution.")
    .replace(".downsample.1.", ".shortcut.normalization.");
}
