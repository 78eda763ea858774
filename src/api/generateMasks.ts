// Everything mode: masks of all that a grid of points finds in a picture, as segment-anything's
// SamAutomaticMaskGenerator gives them. The network stands behind CropPredictor.
import type { Box, MaskBits } from "./masks/rle.ts";

/** What encodes crops of one picture; Sam is one. */
export interface CropPredictor {
  /** Size of the picture. */
  readonly width: number;
  readonly height: number;
  /** Encodes the pixels of [x0, x1) x [y0, y1). */
  encodeCrop(box: Box, signal?: AbortSignal): Promise<CropScene>;
}

/** An encoded crop. */
export interface CropScene {
  /**
   * Prompts with each point alone (foreground, pixels of the crop, multimask) and gives the masks that pass the filter:
   * those of the first point first, of one point in the model's order. A mask is wanted one at a time, so that the
   * host holds few.
   */
  predictPoints(
    points: readonly Point[],
    filter: CandidateFilter,
    signal?: AbortSignal,
  ): AsyncIterable<MaskCandidate> | Promise<Iterable<MaskCandidate>>;
  /** Frees the embedding. */
  dispose(): void;
}

export type Point = readonly [x: number, y: number];

/** What is decided on the GPU, in f32, before a mask leaves it. */
export interface CandidateFilter {
  /** Where above 0: keep masks whose predicted IoU is greater than this. */
  readonly predIouThresh: number;
  /** Where above 0: keep masks whose stability is at least this. */
  readonly stabilityScoreThresh: number;
  /** Stability is count(logit > threshold + offset) / count(logit > threshold - offset), at the crop's full size. */
  readonly stabilityScoreOffset: number;
}

export interface MaskCandidate {
  /** Index of its point. */
  readonly point: number;
  /** Logits above the model's threshold, at the crop's size. */
  readonly mask: MaskBits;
  readonly predictedIou: number;
  readonly stabilityScore: number;
}
