// What callers ask of a run over pictures, and what they are given of each.
import type { NdArray } from "../device/tensor.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { Size } from "../models/preprocess/recipe.ts";
import type { EncodeStep } from "./pictureRuns.ts";

/** How `encodeImages` goes about many pictures. */
export interface EncodeImagesOptions {
  /** Pictures in one run of the model, 8 by default: more fill a GPU better, and need more memory. */
  readonly batchSize?: number;
  /** Most bytes of decoded pixels held ahead of the GPU, 256 MiB by default; larger pictures come one at a time. */
  readonly decodeAheadBytes?: number;
  /** Stops the work at once. */
  readonly signal?: AbortSignal;
  /** Called after each picture. `total` is known where the pictures come as a list. */
  readonly onProgress?: (progress: { done: number; total: number | undefined }) => void;
  /**
   * Called, in the order of the pictures, for one that cannot be read or is too large for the GPU; the others go on.
   * When absent, such an error is thrown after the results before it.
   */
  readonly onError?: (error: unknown, picture: { index: number; image: ImageLike }) => void;
  /** Called with what was done when: material for a timeline. */
  readonly onStep?: (step: EncodeStep) => void;
}

/** Of a call that gives all results at once. */
export interface ListOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** What the tower made of one picture: its outputs with the axis of pictures, of length 1. */
export interface EncodedPicture<Row = Readonly<Record<string, NdArray>>> {
  readonly index: number;
  readonly image: ImageLike;
  readonly size: Size;
  readonly outputs: Row;
}
