// Masks on the host, as a prompt gets them.
import type { HostArray } from "../device/tensor.ts";

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

/** Rows of all masks of a run, at the picture's size. */
interface MaskBand {
  /** The first of the rows. */
  readonly first: number;
  /** Where they were asked for; else bits. */
  readonly logits: Float32Array | undefined;
  readonly bits: Uint32Array | undefined;
}

/** What comes back of a run: arrays over all masks of all prompts. */
interface MaskArrays {
  readonly scores: Float32Array;
  readonly lowRes: Float32Array;
  /** Which make up the picture; they may overlap. */
  readonly bands: readonly MaskBand[];
}

/** The masks of each of P prompts. */
export function unpackMasks(
  { scores, lowRes, bands }: MaskArrays,
  P: number,
  { width, height }: { readonly width: number; readonly height: number },
): SamMask[][] {
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

/** Bits column by column to bytes row by row, from row `first` on; rows beyond the last have no bits. */
function unpackBits(words: Uint32Array, mask: Uint8Array, first: number, width: number): void {
  const perColumn = words.length / width;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < 32 * perColumn && (first + y) * width < mask.length; y++) {
      mask[(first + y) * width + x] = ((words[x * perColumn + (y >> 5)] as number) >>> (y & 31)) & 1;
    }
  }
}
