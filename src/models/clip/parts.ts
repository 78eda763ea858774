// The parts of CLIP: an embedding of pictures, of texts, and the logits of pairs.
import * as ops from "../../graph/ops.ts";
import type { FloatType } from "../family.ts";
import { definePart } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import type { ClipConfig, ClipTextConfig } from "./config.ts";
import { clipImage, clipLogits, clipText } from "./model.ts";

interface ImageSettings {
  readonly vision: ClipConfig["vision"];
  readonly batch: number;
  readonly size: Size;
  readonly dtype: FloatType;
  /** Whether rows get unit length; false: as transformers' *WithProjection models give them. */
  readonly isUnit?: boolean;
}

/** pixels [B, H, W, 3], normalised, to embeds [B, projection]. */
export const imagePart = /* @__PURE__ */ definePart({
  name: "clip image",
  inputs: ({ batch, size, dtype }: ImageSettings) => ({ pixels: { dtype, shape: [batch, ...size, 3] } }),
  record: ({ pixels }, weights, { vision, isUnit = true }) => {
    const { embeds } = clipImage(pixels, weights, vision);
    return { embeds: isUnit ? ops.l2Normalize({ x: embeds }) : embeds };
  },
});

interface TextSettings {
  readonly text: ClipTextConfig;
  readonly batch: number;
  /** Tokens of a text, padding included. */
  readonly tokens: number;
  readonly isUnit?: boolean;
}

/** ids [B, T], and of each text the row of its end token among all B * T, to embeds [B, projection]. */
export const textPart = /* @__PURE__ */ definePart({
  name: "clip text",
  inputs: ({ batch, tokens }: TextSettings) => ({
    ids: { dtype: "i32", shape: [batch, tokens] },
    end: { dtype: "i32", shape: [batch] },
  }),
  record: ({ ids, end }, weights, { text, isUnit = true }) => {
    const { embeds } = clipText(ids, end, weights, text);
    return { embeds: isUnit ? ops.l2Normalize({ x: embeds }) : embeds };
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
