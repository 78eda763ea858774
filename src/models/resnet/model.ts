// ResNet (He et al. 2016, table 1) as DINO trains it: torchvision's v1.5, with the stride on the 3x3 convolution, and
// without a classifier. Follows torchvision's models/resnet.py, whose names it speaks, and transformers'
// models/resnet/modeling_resnet.py; resnetNames.ts maps the latter's names.
import type { Value } from "../../graph/graph.ts";
import { pool2d } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { convNorm } from "../convNorm.ts";
import type { ConvolutionParams } from "../convolution.ts";
import { activation, add } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { ResnetConfig } from "./config.ts";

export interface ResnetOutput {
  /** The last stage's map [B, H / 32, W / 32, C]. */
  readonly map: Value;
  /** Its mean over all places [B, C]. */
  readonly pooled: Value;
  /** After the stem, and after each stage. */
  readonly hiddenStates: readonly Value[];
}

/** pixels [B, H, W, 3], normalised. */
export function resnet(pixels: Value, w: Weights, config: ResnetConfig): ResnetOutput {
  const stem = activation(convNorm(pixels, w.at("conv1"), w.at("bn1"), { stride: 2, padding: 3 }), config.hidden_act);
  let x = pool2d({ x: stem }, { kind: "max", kernel: 3, stride: 2, padding: 1 }); // [B, H / 4, W / 4, C]
  const hiddenStates = [x];
  for (const [i, depth] of config.depths.entries()) {
    const stride = i > 0 || config.downsample_in_first_stage ? 2 : 1;
    for (let j = 0; j < depth; j++) x = block(x, w.at(`layer${i + 1}.${j}`), j === 0 ? stride : 1, config);
    hiddenStates.push(x);
  }
  return { map: x, pooled: globalMean(x), hiddenStates };
}

/** A residual block: 1x1, 3x3, 1x1 with a stride on the 3x3, or 3x3, 3x3. */
function block(x: Value, w: Weights, stride: number, config: ResnetConfig): Value {
  const unit = (y: Value, i: number, params: ConvolutionParams = {}) =>
    convNorm(y, w.at(`conv${i}`), w.at(`bn${i}`), params);
  const act = (y: Value) => activation(y, config.hidden_act);
  const relu = (y: Value) => activation(y, "relu"); // within a block, whatever hidden_act says
  const shortcut = w.has("downsample.0.weight")
    ? convNorm(x, w.at("downsample.0"), w.at("downsample.1"), { stride })
    : x;
  const wide = { stride, padding: 1 };
  if (config.layer_type === "basic") {
    return act(add(unit(relu(unit(x, 1, wide)), 2, { padding: 1 }), shortcut));
  }
  const [first, second] = config.downsample_in_bottleneck ? [{ stride }, { padding: 1 }] : [{}, wide];
  return act(add(unit(relu(unit(relu(unit(x, 1, first)), 2, second)), 3), shortcut));
}

/** [B, H, W, C] gives [B, C]. */
export function globalMean(x: Value): Value {
  const [B = 0, H = 0, W = 0, C = 0] = x.shape;
  return ops.meanPool({ x: x.graph.reshape(x, [B, H * W, C]) });
}
