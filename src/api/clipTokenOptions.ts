// Which tokens of CLIP's towers are wanted, and what is given.
import type { NdArray } from "../device/tensor.ts";

/**
 * Tokens going into the first layer (0) and after each, as transformers' hidden_states: all of them, or those of these
 * numbers; -1 is the last, -2 the last but one.
 */
export type HiddenStates = true | readonly number[];

/** Asks `Clip.encodeImage` for tokens beside the embeddings. */
export interface ImageTokens {
  /** Layers whose tokens are wanted. */
  readonly hiddenStates?: HiddenStates;
  /** The patches' tokens after the last layer. */
  readonly patches?: true;
}

/** One of them at least. */
export type ImageTokenOptions = ImageTokens &
  (Required<Pick<ImageTokens, "hiddenStates">> | Required<Pick<ImageTokens, "patches">>);

/** Asks `Clip.encodeText` for tokens beside the embeddings. */
export interface TextTokenOptions {
  /** Layers whose tokens are wanted. */
  readonly hiddenStates: HiddenStates;
}

/** What `Clip.encodeImage` gives with `hiddenStates` or `patches`. */
export interface ClipImageTokens {
  /** [images, projection], as without. */
  readonly embeds: NdArray;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
  /** [images, 1 + patches, channels] each, in the order asked for: the class token, then the patches. */
  readonly hiddenStates?: readonly NdArray[];
  /** [images, patches, channels], transformers' last_hidden_state without the class token; it has no norm. */
  readonly patches?: NdArray;
}

/** What `Clip.encodeText` gives with `hiddenStates`; texts are filled up to the context by the tokenizer's padding. */
export interface ClipTextTokens {
  /** [texts, projection], as without. */
  readonly embeds: NdArray;
  /** [texts, context, channels] each, in the order asked for. */
  readonly hiddenStates: readonly NdArray[];
  /** [texts, context, channels], after the last norm: transformers' last_hidden_state. */
  readonly lastHiddenState: NdArray;
}
