// Which of the masks that points gave everything mode keeps, by score and stability. Loaded with everything mode.
import type { CandidateFilter, MaskCandidate } from "./generateMasks.ts";
import type { MaskBits } from "./rle.ts";

/** What the decoder made of a run of points; its masks are on the GPU. */
export interface DecodedPoints {
  /** Size of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  /** Index of the run's first point. */
  readonly first: number;
  /** Number of masks for each point. The first is the single-mask output, which multimask leaves out. */
  readonly M: number;
  /** Predicted IoU of all masks of all points. */
  readonly ious: Float32Array;
  /** Bits of some masks, three planes each: at the threshold, and with it moved up and down. */
  planes(masks: readonly number[]): Promise<Uint32Array>;
}

/** The masks that pass the filter, in the order of the points and of the model. */
export async function* candidates(
  { width, height, first, M, ious, planes }: DecodedPoints,
  { predIouThresh, stabilityScoreThresh }: CandidateFilter,
  signal?: AbortSignal,
): AsyncGenerator<MaskCandidate> {
  const isGood = (iou: number) => predIouThresh <= 0 || iou > Math.fround(predIouThresh);
  const good = [...ious.keys()].filter((i) => i % M !== 0 && isGood(ious[i] as number));
  for (let at = 0; at < good.length; ) {
    const some = good.slice(at, at + masksPerRun(good.length - at, { width, height }));
    signal?.throwIfAborted();
    const words = await planes(some);
    const size = words.length / some.length / 3;
    const plane = (i: number): MaskBits => ({ width, height, words: words.subarray(i * size, (i + 1) * size) });
    for (const [i, mask] of some.entries()) {
      const stabilityScore = Math.fround(count(plane(3 * i + 1)) / count(plane(3 * i + 2)));
      if (stabilityScoreThresh > 0 && !(stabilityScore >= Math.fround(stabilityScoreThresh))) continue;
      const predictedIou = ious[mask] as number;
      yield { point: first + Math.floor(mask / M), mask: plane(3 * i), predictedIou, stabilityScore };
    }
    at += some.length;
  }
}

// The most bytes of mask bits that are read back at once.
const MOST_BYTES = 16 << 20;

/** A power of two, so that few plans are made: as many masks as are left, with three planes each in the bytes above. */
function masksPerRun(left: number, { width, height }: Pick<DecodedPoints, "width" | "height">): number {
  const most = Math.floor(MOST_BYTES / (12 * width * Math.ceil(height / 32)));
  return 2 ** Math.floor(Math.log2(Math.max(1, Math.min(left, most))));
}

/** Bits that are set; rows below the last have none. */
function count({ words }: MaskBits): number {
  let sum = 0;
  for (let word of words) {
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    sum += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return sum;
}
