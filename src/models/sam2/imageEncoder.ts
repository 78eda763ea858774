// SAM 2's image encoder (Ravi et al. 2024): Hiera, or EdgeTAM's RepViT, and a feature pyramid (Lin et al. 2017) of its
// stages. Follows transformers' models/sam2/modeling_sam2.py; weights under its names.
import type { Value } from "../../graph/graph.ts";
import { gather } from "../../graph/moreOps.ts";
import { convolution } from "../convolution.ts";
import type { EdgeTamVisionConfig } from "../edgetam/config.ts";
import { repVit } from "../edgetam/repVit.ts";
import { add } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { Sam2VisionConfig } from "./config.ts";
import { hiera } from "./hiera.ts";

/** Maps of the pyramid that are used, the finest first; the coarsest stage is seen in the third alone. */
const LEVELS = 3;

/** Of SAM 2, or of EdgeTAM. */
export type PyramidConfig = Sam2VisionConfig | EdgeTamVisionConfig;

/** pixels [1, S, S, 3], normalised, to maps [1, S / 4, S / 4, fpn_hidden_size], [1, S / 8, …], [1, S / 16, …]. */
export function sam2ImageEncoder(pixels: Value, weights: Weights, config: PyramidConfig): Value[] {
  return featurePyramid(stagesOf(pixels, weights, config), weights, config);
}

/** pixels [1, S, S, 3], normalised, to the map after each stage of the backbone: [1, S / 4, S / 4, C] … */
export function stagesOf(pixels: Value, weights: Weights, config: PyramidConfig): Value[] {
  if (config.model_type === "edgetam_vision_model") return repVit(pixels, weights, config.backbone_config);
  return hiera(pixels, weights, config.backbone_config);
}

/** The maps after the stages of a backbone to those of the pyramid, the finest first. */
export function featurePyramid(stages: readonly Value[], weights: Weights, config: PyramidConfig): Value[] {
  const w = weights.at("vision_encoder.neck");
  const coarsest = stages.length - 1;
  const levels: Value[] = [];
  for (let i = coarsest; i >= 0; i--) {
    const lateral = convolution(stages[i] as Value, w.at(`convs.${coarsest - i}`)); // [1, h, w, fpn_hidden_size]
    const isTopDown = i < coarsest && config.fpn_top_down_levels.includes(i);
    levels.unshift(isTopDown ? add(lateral, doubled(levels[0] as Value)) : lateral);
  }
  return levels.slice(0, LEVELS);
}

/** x [1, h, w, C] with each place four times: [1, 2 h, 2 w, C] (torch's nearest interpolation). */
function doubled(x: Value): Value {
  const { graph } = x;
  const [, H = 0, W = 0, C = 0] = x.shape;
  const places = Array.from({ length: 4 * H * W }, (_, i) => {
    const [row, column] = [Math.floor(i / (2 * W)), i % (2 * W)];
    return Math.floor(row / 2) * W + Math.floor(column / 2);
  });
  const ids = graph.constant({ dtype: "i32", shape: [4 * H * W] }, Int32Array.from(places));
  return graph.reshape(gather({ ids, table: graph.reshape(x, [H * W, C]) }), [1, 2 * H, 2 * W, C]);
}
