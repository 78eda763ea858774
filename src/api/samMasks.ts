// Masks on the host, as a prompt gets them.
import type { HostArray } from "../device/tensor.ts";
import type { MaskBits } from "../masks/rle.ts";

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

/** What comes back of a run: arrays over all masks of all prompts. */
interface MaskArrays {
  readonly scores: Float32Array;
  readonly lowRes: Float32Array;
  /** At the picture's size, where they were asked for; else bits. */
  readonly logits: Float32Array | undefined;
  readonly bits: Uint32Array | undefined;
}

/** The masks of each of P prompts. */
export function unpackMasks(
  { scores, lowRes, logits, bits }: MaskArrays,
  P: number,
  { width, height }: { readonly width: number; readonly height: number },
): SamMask[][] {
  const perPrompt = scores.length / P;
  const part = <A extends HostArray>(all: A, i: number): A => {
    const size = all.length / scores.length;
    return all.slice(i * size, (i + 1) * size) as A;
  };
  const one = (i: number): SamMask => {
    const ofMask = logits && part(logits, i);
    const mask = ofMask ? isAbove(ofMask) : toBytes({ width, height, words: part(bits as Uint32Array, i) });
    const score = scores[i] as number;
    return { mask, width, height, score, lowResLogits: part(lowRes, i), ...(ofMask && { logits: ofMask }) };
  };
  return Array.from({ length: P }, (_, p) => Array.from({ length: perPrompt }, (_, m) => one(p * perPrompt + m)));
}

function isAbove(logits: Float32Array): Uint8Array {
  return Uint8Array.from(logits, (value) => Number(value > 0));
}

/** Bits column by column as bytes row by row. */
function toBytes({ width, height, words }: MaskBits): Uint8Array {
  const mask = new Uint8Array(width * height);
  const perColumn = Math.ceil(height / 32);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      mask[y * width + x] = ((words[x * perColumn + (y >> 5)] as number) >>> (y & 31)) & 1;
    }
  }
  return mask;
}
