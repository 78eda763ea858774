// The image tower of CLIP's ResNets (Radford et al. 2021, section 2.4): three convolutions in the stem, average pooling
// in place of strides, and attention in place of the last pooling. Follows openai/CLIP: clip/model.py, ModifiedResNet,
// and speaks its names. Loaded where a checkpoint has one.
import { lastDim } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { pool2d } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { convNorm } from "../convNorm.ts";
import type { ConvolutionParams } from "../convolution.ts";
import { activation, add, linear } from "../layers.ts";
import { definePart } from "../part.ts";
import { globalMean } from "../resnet/model.ts";
import type { Weights } from "../weights.ts";
import type { ClipResnetConfig } from "./config.ts";
import { type ImageSettings, outputsOf, pixelInputs } from "./parts.ts";

/** As imagePart of parts.ts; there are no tokens to ask for. */
export const resnetImagePart = /* @__PURE__ */ definePart({
  name: "clip resnet image",
  inputs: (settings: ImageSettings & { readonly vision: ClipResnetConfig }) => pixelInputs(settings),
  record: ({ pixels }, weights, { vision, isUnit }) => {
    return outputsOf(clipResnet(pixels, weights.at("visual"), vision), isUnit);
  },
});

/**
 * pixels [B, S, S, 3], normalised, with as many blocks as there are tensors of them, give embeds [B, proj], and the
 * maps after the stem and each stage.
 */
export function clipResnet(pixels: Value, w: Weights, { head_width }: ClipResnetConfig) {
  let x = unit(pixels, w, 1, { stride: 2, padding: 1 }); // [B, S / 2, S / 2, width / 2]
  x = unit(x, w, 2, { padding: 1 });
  x = averagePool(unit(x, w, 3, { padding: 1 }), 2); // [B, S / 4, S / 4, width]
  const hiddenStates = [x];
  for (let i = 1; w.has(`layer${i}.0.conv1.weight`); i++) {
    for (let j = 0; w.has(`layer${i}.${j}.conv1.weight`); j++) {
      x = block(x, w.at(`layer${i}.${j}`), i > 1 && j === 0 ? 2 : 1);
    }
    hiddenStates.push(x);
  }
  const heads = Math.max(1, Math.floor(lastDim(x) / head_width));
  return { embeds: attentionPool(x, w.at("attnpool"), heads), isProjected: true, hiddenStates };
}

function unit(x: Value, w: Weights, i: number, params: ConvolutionParams = {}): Value {
  return activation(convNorm(x, w.at(`conv${i}`), w.at(`bn${i}`), params), "relu");
}

function averagePool(x: Value, kernel: number): Value {
  return kernel === 1 ? x : pool2d({ x }, { kind: "average", kernel });
}

function block(x: Value, w: Weights, stride: number): Value {
  const wide = averagePool(unit(unit(x, w, 1), w, 2, { padding: 1 }), stride);
  const y = convNorm(wide, w.at("conv3"), w.at("bn3"));
  const shortcut = w.has("downsample.0.weight")
    ? convNorm(averagePool(x, stride), w.at("downsample.0"), w.at("downsample.1"))
    : x;
  return activation(add(y, shortcut), "relu");
}

/** The mean of all places looks at it and at all of them: x [B, h, w, C] gives [B, proj]. */
function attentionPool(x: Value, w: Weights, heads: number): Value {
  const { graph } = x;
  const [B = 0, h = 0, wide = 0, C = 0] = x.shape;
  const mean = graph.reshape(globalMean(x), [B, 1, C]);
  const tokens = ops.concat({ a: mean, b: graph.reshape(x, [B, h * wide, C]) }, { axis: 1 }); // [B, 1 + N, C]
  const placed = add(tokens, w.get("positional_embedding", [1 + h * wide, C]));
  const query = ops.narrow({ x: placed }, { axis: 1, start: 0, length: 1 }); // [B, 1, C]
  const [q, k, v] = [linear(query, w.at("q_proj")), linear(placed, w.at("k_proj")), linear(placed, w.at("v_proj"))];
  const attended = linear(ops.attention({ q, k, v }, { heads }), w.at("c_proj")); // [B, 1, proj]
  return graph.reshape(attended, [B, attended.shape[2] as number]);
}
