// SAM's prompt encoder (Kirillov et al. 2023, appendix A): points and corners of boxes as tokens, a rough mask as a
// map. Follows transformers' models/sam/modeling_sam.py; weights under its names.
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { convolution } from "../convolution.ts";
import { activation, layerNorm } from "../layers.ts";
import type { Weights } from "../weights.ts";
import type { SamConfig } from "./config.ts";

/** What a token says of its place, in the order of the rows of point_embed. */
export const POINT = { background: 0, foreground: 1, topLeft: 2, bottomRight: 3 } as const;

/** A place in pixels of the padded square as the tokens take it: the pixel's centre, in [-1, 1]. */
export function coordinate(pixel: number, { image_size }: SamConfig): number {
  return (2 * (pixel + 0.5)) / image_size - 1;
}

/** Labels of tokens: the decoder's own (object score, IoU, masks), the point that is none, then those of POINT. */
export function tokenLabels({ decoder }: SamConfig) {
  const outputs = (decoder.pred_obj_scores ? 3 : 2) + decoder.num_multimask_outputs;
  return { outputs, padding: outputs, point: outputs + 1 };
}

/** coords [P, T, 2] (see coordinate) and labels [P, T] (see tokenLabels) give [P, T, C]. */
export function promptTokens(coords: Value, labels: Value, weights: Weights, config: SamConfig): Value {
  const w = weights.as("f32");
  const C = config.prompt.hidden_size;
  const rows = [
    ...(config.decoder.pred_obj_scores ? [w.get("mask_decoder.obj_score_token.weight", [1, C])] : []),
    w.get("mask_decoder.iou_token.weight", [1, C]),
    w.get("mask_decoder.mask_tokens.weight", [undefined, C]),
    w.get("prompt_encoder.not_a_point_embed.weight", [1, C]),
    ...Object.values(POINT).map((i) => w.get(`prompt_encoder.point_embed.${i}.weight`, [1, C])),
  ];
  const table = rows.reduce((a, b) => ops.concat({ a, b }, { axis: 0 }));
  const { point: placeless } = tokenLabels(config);
  return ops.positionCode({ coords, gaussian: gaussian(w), labels, table }, { placeless, dtype: weights.dtype });
}

/** Code of each place of the image embedding [N, C], the same for all pictures. */
export function imagePositions(weights: Weights, { image_embedding_size: side }: SamConfig): Value {
  const at = (i: number) => (2 * (i + 0.5)) / side - 1;
  const places = Array.from({ length: side * side }, (_, i) => [at(i % side), at(Math.floor(i / side))]);
  const coords = weights.graph.constant({ dtype: "f32", shape: [side * side, 2] }, Float32Array.from(places.flat()));
  return ops.positionCode({ coords, gaussian: gaussian(weights.as("f32")) }, { dtype: weights.dtype });
}

function gaussian(w: Weights): Value {
  return w.get("shared_image_embedding.positional_embedding", [2, undefined]);
}

/** Logits of masks [P, 4 h, 4 w, 1] give [P, h * w, C]. */
export function maskEmbedding(masks: Value, weights: Weights, { prompt }: SamConfig): Value {
  const w = weights.at("prompt_encoder.mask_embed");
  const norm = (x: Value, i: number) => layerNorm(x, w.at(`layer_norm${i}`), prompt.layer_norm_eps);
  const act = (x: Value) => activation(x, prompt.hidden_act);
  let x = act(norm(convolution(masks, w.at("conv1"), { stride: 2 }), 1)); // [P, 2 h, 2 w, 4]
  x = act(norm(convolution(x, w.at("conv2"), { stride: 2 }), 2)); // [P, h, w, 16]
  x = convolution(x, w.at("conv3")); // [P, h, w, C]
  const [P = 0, h = 0, wide = 0, C = 0] = x.shape;
  return x.graph.reshape(x, [P, h * wide, C]);
}
