// Masks as a prompt gets them: asked for, made in parts on the GPU, and unpacked on the host.
import type { HostArray } from "../device/tensor.ts";
import { PROMPTS_PER_RUN } from "../models/sam/prompts.ts";

/** A mask and what the model thinks of it. */
export interface SamMask {
  /** [height * width], 1 inside and 0 outside. */
  readonly mask: Uint8Array;
  /** Pixels across, as the picture has. */
  readonly width: number;
  /** Pixels down, as the picture has. */
  readonly height: number;
  /** IoU with the true mask, as the model predicts it; may exceed 1 a little. */
  readonly score: number;
  /** [L * L] logits of the padded square, L = 4 times the embedding's side: `maskInput` of a further prompt. */
  readonly lowResLogits: Float32Array;
  /** [height * width] where asked for by `returnLogits`; the mask is where they are above 0. */
  readonly logits?: Float32Array;
}

/** Options of `SamScene.predict`. */
export interface PredictOptions {
  /**
   * Three masks from part to whole (true, as SamPredictor has it), which suits a single point; or one mask, which suits
   * several points or a box.
   */
  readonly multimask?: boolean | undefined;
  /** Give `logits` too. */
  readonly returnLogits?: boolean | undefined;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Bytes of masks at the picture's size, logits or bits, that one run makes. With as many to read them back they are
 * within what is kept of plans without weights (planCache.ts), so that a plan is made once for many runs.
 */
const MOST_MASK_BYTES = 24 << 20;

/** A logit beyond it says no more of a pixel; in f16 its products with the weights would be infinite. */
const MOST_LOGIT = 4096;

/** A logit of a mask prompt, in f16. */
export function clampLogit(logit: number): number {
  return Math.min(MOST_LOGIT, Math.max(-MOST_LOGIT, logit));
}

/** What a run gives of rows of its masks, from `first` on. */
export interface BandOutputs {
  readonly first: number;
  readonly bytes: Readonly<Record<string, ArrayBuffer>>;
}

/**
 * How many prompts a run has, and of how many rows their masks are made at once where those of one prompt are too many
 * bytes.
 */
export function roomFor(
  { width, height }: { readonly width: number; readonly height: number },
  masks: number,
  isLogits: boolean | undefined,
  mostBytes: number,
): { perRun: number; rows?: number } {
  const most = Math.min(MOST_MASK_BYTES, mostBytes);
  const rowBytes = masks * width * (isLogits ? 4 : 1 / 8);
  // Words of bits hold 32 rows.
  const bytes = rowBytes * (isLogits ? height : Math.ceil(height / 32) * 32);
  if (bytes > most) return { perRun: 1, rows: Math.max(32, Math.floor(most / rowBytes / 32) * 32) };
  return { perRun: Math.min(PROMPTS_PER_RUN, Math.floor(most / bytes)) };
}

/** The first rows of bands that make up a picture; the last band ends with it. */
export function bandsOf(height: number, rows = height): number[] {
  return Array.from({ length: Math.ceil(height / rows) }, (_, i) => Math.min(i * rows, height - rows));
}

/** The masks of each of P prompts, of the bands that make up the picture; they may overlap. */
export function unpackMasks(
  outputs: readonly BandOutputs[],
  toFloats: (bytes: ArrayBuffer) => Float32Array,
  P: number,
  { width, height }: { readonly width: number; readonly height: number },
): SamMask[][] {
  const bands = outputs.map(({ first, bytes: { logits, bits } }) => {
    return { first, logits: logits && new Float32Array(logits), bits: bits && new Uint32Array(bits) };
  });
  const { chosenScores, lowRes: low } = outputs[0]?.bytes ?? {};
  const [scores, lowRes] = [toFloats(chosenScores as ArrayBuffer), toFloats(low as ArrayBuffer)];
  const perPrompt = scores.length / P;
  const part = <A extends HostArray>(all: A, i: number): A => {
    const size = all.length / scores.length;
    return all.subarray(i * size, (i + 1) * size) as A;
  };
  const one = (i: number): SamMask => {
    const logits = bands[0]?.logits && new Float32Array(width * height);
    const mask = new Uint8Array(width * height);
    for (const band of bands) {
      if (band.logits) logits?.set(part(band.logits, i), band.first * width);
      else unpackBits(part(band.bits as Uint32Array, i), mask, band.first, width);
    }
    for (let at = 0; logits && at < mask.length; at++) mask[at] = Number((logits[at] as number) > 0);
    const score = scores[i] as number;
    return { mask, width, height, score, lowResLogits: part(lowRes, i).slice(), ...(logits && { logits }) };
  };
  return Array.from({ length: P }, (_, p) => Array.from({ length: perPrompt }, (_, m) => one(p * perPrompt + m)));
}

/**
 * Bits column by column to bytes row by row, from row `first` on; rows beyond the last have no bits. The words of 32
 * rows are gathered first: then bytes are written in their order, several times as fast as column by column.
 */
function unpackBits(words: Uint32Array, mask: Uint8Array, first: number, width: number): void {
  const perColumn = words.length / width;
  const line = new Uint32Array(width);
  for (let w = 0; w < perColumn; w++) {
    for (let x = 0; x < width; x++) line[x] = words[x * perColumn + w] as number;
    const end = Math.min(32, mask.length / width - first - 32 * w);
    for (let bit = 0; bit < end; bit++) {
      const row = (first + 32 * w + bit) * width;
      for (let x = 0; x < width; x++) mask[row + x] = ((line[x] as number) >>> bit) & 1;
    }
  }
}
