// SAM 2's memory encoder (Ravi et al. 2024, appendix D.1): a mask is brought to the size of the frame's map, added to
// it, and mixed by blocks of ConvNeXt (Liu et al. 2022). And object pointers: what the decoder's token says of an
// object. Follows transformers' models/sam2_video/modeling_sam2_video.py; weights under its names.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { convolution } from "../convolution.ts";
import { activation, add, layerNorm, linear } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { times } from "./arithmetic.ts";
import { MASK_DOWNSAMPLER_LAYERS, type Sam2VideoConfig } from "./videoConfig.ts";

const EPS = 1e-6;

/** features [1, h, w, C] and masks [B, 16 h, 16 w, 1], scaled, to memories [B, h, w, M]. */
export function memoryEncoder(features: Value, mask: Value, weights: Weights, { memory }: Sam2VideoConfig): Value {
  const w = weights.at("memory_encoder");
  let x = mask;
  for (let i = 0; i < MASK_DOWNSAMPLER_LAYERS; i++) {
    const layer = w.at(`mask_downsampler.layers.${i}`); // [B, h, w, c] -> [B, h / 2, w / 2, 4 c]
    x = layerNorm(convolution(x, layer.at("conv"), { stride: 2, padding: 1 }), layer.at("layer_norm"), EPS);
    x = activation(x, memory.mask_downsampler_hidden_act);
  }
  const ofMask = convolution(x, w.at("mask_downsampler.final_conv")); // [B, h, w, C]
  x = add(convolution(features, w.at("feature_projection")), ofMask);
  for (let i = 0; i < memory.memory_fuser_num_layers; i++) x = fuserBlock(x, w.at(`memory_fuser.layers.${i}`), memory);
  return convolution(x, w.at("projection"));
}

function fuserBlock(x: Value, w: Weights, { memory_fuser_hidden_act }: Sam2VideoConfig["memory"]): Value {
  const C = lastDim(x);
  const y = layerNorm(convolution(x, w.at("depthwise_conv"), { padding: 3, groups: C }), w.at("layer_norm"), EPS);
  const hidden = activation(linear(y, w.at("pointwise_conv1")), memory_fuser_hidden_act);
  const mixed = linear(hidden, w.at("pointwise_conv2"));
  return add(x, times(mixed, w.get("scale", [C])));
}

/** The tokens [B, C] of masks to pointers [B, C]. */
export function objectPointer(token: Value, weights: Weights): Value {
  const w = weights.at("object_pointer_proj");
  let x = activation(linear(token, w.at("proj_in")), "relu");
  x = activation(linear(x, w.at("layers.0")), "relu");
  return linear(x, w.at("proj_out"));
}
