// SAM 2's mask decoder (Ravi et al. 2024, figure 9): that of SAM, with the finer maps of the image encoder added as the
// embedding is upscaled, and a token and a head that tell whether the object is in the picture at all. Follows
// transformers' models/sam2/modeling_sam2.py; weights by names.ts. N = h * w places of the embedding, T tokens,
// P prompts, M masks.
import { type Shape, sizeOf } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { gather, stableMask } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import { convolution } from "../convolution.ts";
import { add } from "../layers.ts";
import type { SamConfig } from "../sam/config.ts";
import { decoderHeads, masksOf, type SamImage, type SamMasks, twoWayTransformer, upscale } from "../sam/maskDecoder.ts";
import { imagePositions } from "../sam/promptEncoder.ts";
import type { Weights } from "../weights.ts";

/** What is added to the embedding as it is upscaled, in the order of its places. */
export interface Skips {
  /** [1, 4 N, C / 4] */
  readonly skip1: Value;
  /** [1, 16 N, C / 8] */
  readonly skip0: Value;
}

/** Masks and scores as in SAM, with IoU between 0 and 1. */
export interface Sam2Masks extends SamMasks {
  /** Logits [P, 1]: above 0 where the object is in the picture. */
  readonly objectScoreLogits: Value;
  /** What became of the tokens [P, T, C]: the object score's, IoU's, then those of the masks. */
  readonly tokens: Value;
}

/** The finer maps [1, 4 h, 4 w, C] and [1, 2 h, 2 w, C] of the image encoder, as the decoder adds them. */
export function skipsOf([fine, middle]: readonly Value[], weights: Weights): Skips {
  const w = weights.at("mask_decoder");
  return {
    skip1: byParts(convolution(middle as Value, w.at("conv_s1")), 1),
    skip0: byParts(convolution(fine as Value, w.at("conv_s0")), 2),
  };
}

/**
 * A map [1, h, w, C] in the order of upscale(): places of the map that is `levels` times coarser, each followed by its
 * parts. [1, h * w, C].
 */
function byParts(x: Value, levels: number): Value {
  const { graph } = x;
  const [, H = 0, W = 0, C = 0] = x.shape;
  const inPairs = graph.reshape(x, [H / 2, 2, W / 2, 2 * C]);
  const parts = ops.permute({ x: inPairs }, { dims: [0, 2, 1, 3] }); // [h / 2, w / 2, 2, 2 C]
  const coarser = graph.reshape(parts, [1, H / 2, W / 2, 4 * C]);
  return graph.reshape(levels > 1 ? byParts(coarser, levels - 1) : coarser, [1, H * W, C]);
}

/** tokens [P, T, C], see promptTokens of models/sam. */
export function sam2Decoder(
  tokens: Value,
  image: SamImage,
  { skip0, skip1 }: Skips,
  weights: Weights,
  config: SamConfig,
): Sam2Masks {
  const w = weights.at("mask_decoder");
  const { x, map } = twoWayTransformer(tokens, image, imagePositions(weights, config), w.at("transformer"), config);
  const M = 1 + config.decoder.num_multimask_outputs;
  const { single, vectors } = decoderHeads(x, w, ["pred_obj_score_head", "iou_prediction_head"], M);
  const [objectScoreLogits, iou] = single as [Value, Value]; // [P, 1], [P, M]
  const upscaled = upscale(
    map,
    w,
    (y) => add(y, skip1),
    (y) => add(y, skip0),
  ); // [P, 16 N, C / 8]
  const iouScores = ops.unary({ x: iou }, { kind: "sigmoid" });
  return { ...withSingle(masksOf(upscaled, vectors, config), iouScores, config), objectScoreLogits, tokens: x };
}

/** All masks [P, M, L, L] and scores [P, M]; the first is the one to give where one is asked for, by its stability. */
function withSingle(masks: Value, scores: Value, { decoder }: SamConfig): Pick<SamMasks, "lowResMasks" | "iouScores"> {
  if (!decoder.dynamic_multimask_via_stability) return { lowResMasks: masks, iouScores: scores };
  const { graph } = masks;
  const [P = 0, M = 0, L = 0] = masks.shape;
  const { dynamic_multimask_stability_delta: delta = 0, dynamic_multimask_stability_thresh: threshold = 0 } = decoder;
  const byPlace = graph.reshape(masks, [P, M, L * L]);
  const ids = stableMask({ masks: byPlace, scores }, { delta, threshold }); // rows of [P * M]
  const chosen = (x: Value, shape: Shape) => {
    const row = gather({ ids, table: graph.reshape(x, [P * M, sizeOf(shape)]) });
    const others = ops.narrow({ x }, { axis: 1, start: 1, length: M - 1 });
    return ops.concat({ a: graph.reshape(row, [P, 1, ...shape]), b: others }, { axis: 1 });
  };
  return { lowResMasks: chosen(masks, [L, L]), iouScores: chosen(scores, []) };
}
