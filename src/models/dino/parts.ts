// The part of DINO: features of pictures, by a Vision Transformer. That of its ResNets is in resnet.ts.
import type { Value } from "../../graph/graph.ts";
import type { FloatType } from "../family.ts";
import { definePart } from "../part.ts";
import type { Size } from "../preprocess/recipe.ts";
import type { DinoConfig } from "./config.ts";
import { dino } from "./model.ts";

/** What a run on pictures gives beside the last layer's tokens. */
export interface DinoRequest {
  /** Layers whose tokens are wanted, each through the final norm. */
  readonly layers: readonly number[];
  /** The layer whose class token's attention is wanted. */
  readonly attentionOf?: number | undefined;
  /** See `DinoOptions.interpolateOffset`. */
  readonly interpolateOffset: number;
}

/** The last layer's tokens and nothing more. */
export const TOKENS_ONLY: DinoRequest = { layers: [], interpolateOffset: 0 };

/** Pictures of one size. */
export interface PixelSettings {
  readonly batch: number;
  readonly size: Size;
  readonly dtype: FloatType;
}

export const pixelInputs = ({ batch, size, dtype }: PixelSettings) => ({
  pixels: { dtype, shape: [batch, ...size, 3] } as const,
});

interface VitSettings extends PixelSettings {
  readonly config: DinoConfig;
  readonly request: DinoRequest;
}

/**
 * pixels [B, H, W, 3], normalised, to tokens [B, T, C] (class, registers, patches), `layer 3` of the same shape for
 * each layer asked for, and attention [B, heads, T].
 */
export const vitPart = /* @__PURE__ */ definePart({
  name: "dino image",
  inputs: (settings: VitSettings) => pixelInputs(settings),
  record: ({ pixels }, weights, { config, request }): Readonly<Record<string, Value>> => {
    const { layers, attentionOf, interpolateOffset } = request;
    const attentionLayers = attentionOf === undefined ? [] : [attentionOf];
    const output = dino(pixels, weights, config, { layers, attentionOf: attentionLayers, interpolateOffset });
    const ofLayers = [...output.layers].map(([layer, tokens]) => [layerName(layer), tokens]);
    const attention = attentionLayers.map((layer) => ["attention", output.attention.get(layer)]);
    return { tokens: output.tokens, ...Object.fromEntries([...ofLayers, ...attention]) };
  },
});

/** The output with the tokens of a layer. */
export function layerName(layer: number): string {
  return `layer ${layer}`;
}
