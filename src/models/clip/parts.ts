// The parts of CLIP: an embedding of pictures, of texts, and the logits of pairs. The ResNets' is in resnet.ts.
import type { Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import type { FloatType } from "../family.ts";
import { definePart } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import type { ClipConfig, ClipTextConfig, ClipVisionConfig } from "./config.ts";
import { clipLogits, clipText, clipVit, type TowerOutput } from "./model.ts";

/** What is wanted of a tower beside the embedding. */
export interface TokenRequest {
  /** Layers whose tokens are wanted: 0 is what goes into the first layer, as in transformers' hidden_states. */
  readonly hiddenStates: readonly number[];
  /** The tokens that the embedding is taken of. */
  readonly lastHiddenState: boolean;
}

/** Pictures of one size, and what is wanted of them. */
export interface ImageSettings {
  readonly batch: number;
  readonly size: Size;
  readonly dtype: FloatType;
  /** Whether rows get unit length; false: as transformers' *WithProjection models give them. */
  readonly isUnit?: boolean;
  readonly request?: TokenRequest;
}

export const pixelInputs = ({ batch, size, dtype }: ImageSettings) => ({
  pixels: { dtype, shape: [batch, ...size, 3] } as const,
});

/** pixels [B, H, W, 3], normalised, to embeds [B, projection], and tokens as asked for (see `outputsOf`). */
export const imagePart = /* @__PURE__ */ definePart({
  name: "clip image",
  inputs: (settings: ImageSettings & { readonly vision: ClipVisionConfig }) => pixelInputs(settings),
  record: ({ pixels }, weights, { vision, isUnit, request }) => {
    return outputsOf(clipVit(pixels, weights, vision), isUnit, request);
  },
});

/**
 * embeds, of unit length where there is a projection; `hidden 3` [B, T, C] of each layer asked for, and
 * lastHiddenState: of a picture the last layer's tokens as they are, of a text after the last norm.
 */
export function outputsOf(tower: TowerOutput, isUnit = true, request?: TokenRequest): Readonly<Record<string, Value>> {
  const { embeds, isProjected, hiddenStates, lastHiddenState = () => hiddenStates.at(-1) as Value } = tower;
  const states = request?.hiddenStates.map((layer) => [stateName(layer), hiddenStates[layer]]);
  return {
    embeds: isUnit && isProjected ? ops.l2Normalize({ x: embeds }) : embeds,
    ...Object.fromEntries(states ?? []),
    ...(request?.lastHiddenState && { lastHiddenState: lastHiddenState() }),
  };
}

/** The output with the tokens of a layer. */
export function stateName(layer: number): string {
  return `hidden ${layer}`;
}

interface TextSettings {
  readonly text: ClipTextConfig;
  readonly batch: number;
  /** Tokens of a text, padding included. */
  readonly tokens: number;
  readonly isUnit?: boolean;
  readonly request?: TokenRequest;
}

/**
 * ids [B, T], and of each text the row of its end token among all B * T, to embeds [B, projection], and tokens as asked
 * for.
 */
export const textPart = /* @__PURE__ */ definePart({
  name: "clip text",
  inputs: ({ batch, tokens }: TextSettings) => ({
    ids: { dtype: "i32", shape: [batch, tokens] },
    end: { dtype: "i32", shape: [batch] },
  }),
  record: ({ ids, end }, weights, { text, isUnit, request }) => {
    return outputsOf(clipText(ids, end, weights, text), isUnit, request);
  },
});

interface SimilaritySettings {
  readonly config: ClipConfig;
  readonly images: number;
  readonly texts: number;
  readonly channels: number;
}

/** Embeddings image [M, C] and text [N, C], in f32 whatever the towers compute in, to logits [M, N]. */
export const similarityPart = /* @__PURE__ */ definePart({
  name: "clip similarity",
  inputs: ({ images, texts, channels }: SimilaritySettings) => ({
    image: { dtype: "f32", shape: [images, channels] },
    text: { dtype: "f32", shape: [texts, channels] },
  }),
  record: ({ image, text }, weights, { config }) => ({ logits: clipLogits(image, text, weights.as("f32"), config) }),
});
