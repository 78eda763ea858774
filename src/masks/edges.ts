// The box of a mask as its edges, which is what commands and the server tell of one.
import { maskArea, maskBox, type Rle } from "./rle.ts";

/** Edges of what a mask covers, in pixels: x1 - x0 is its width. Zeros for an empty mask. */
export interface MaskEdges {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export function maskEdges(rle: Rle): MaskEdges {
  const [x0, y0, x1, y1] = maskBox(rle);
  const isEmpty = maskArea(rle) === 0;
  return { x0, y0, x1: isEmpty ? 0 : x1 + 1, y1: isEmpty ? 0 : y1 + 1 };
}
