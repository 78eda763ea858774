// What callers of Clip may ask for, and what encodeImages gives.
import { ArgumentError } from "../device/errors.ts";
import type { ImageLike } from "../io/image/image.ts";
import { type ClipConfig, isClipResnet } from "../models/clip/config.ts";
import type { EncodeImagesOptions } from "../pictures/encodeOptions.ts";

/** Options of `Clip.encodeImage`. */
export interface EncodeImageOptions {
  /** Side of the square that the model sees, where it is not the trained one: position embeddings are resized. */
  readonly size?: number;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each picture. */
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** Options of `Clip.encodeImages`. */
export interface ClipEncodeImagesOptions extends EncodeImagesOptions {
  /** As for `encodeImage`. */
  readonly size?: number;
}

/** What `Clip.encodeImages` gives for a picture. */
export interface ImageEmbedding {
  /** Place of the picture in the source. */
  readonly index: number;
  /** The picture as it was given. */
  readonly image: ImageLike;
  /** [projection], of unit length; as `encodeImage` gives it. */
  readonly embedding: Float32Array;
}

/** Options of `Clip.encodeText`. */
export interface EncodeTextOptions {
  /** Cut texts that are longer than the model's context (default); false: throw an ArgumentError instead. */
  readonly truncate?: boolean;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of `Clip.classify`. */
export interface ClassifyOptions extends EncodeImageOptions {
  /** Sentence with {} for the label, "a photo of a {}" by default; several are averaged (a prompt ensemble). */
  readonly template?: string | readonly string[];
}

/** The side of the square that the model is to see, if it can. */
export function checkSide(size: number, vision: ClipConfig["vision"]): number {
  if (isClipResnet(vision)) {
    if (size === vision.image_size) return size;
    throw new ArgumentError(`size is ${size}: a CLIP ResNet sees pictures of ${vision.image_size} pixels only`);
  }
  const { patch_size } = vision;
  if (Number.isInteger(size) && size >= patch_size && size <= 4096) return size;
  throw new ArgumentError(`size is ${size}, expected a whole number from ${patch_size} (one patch) to 4096`);
}
