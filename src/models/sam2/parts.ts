// The parts of SAM 2 on pictures: those of models/sam/parts.ts, with what its architecture adds.
import type { Spec } from "../../device/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { add } from "../layers.ts";
import { definePart } from "../part.ts";
import { samImage } from "../sam/maskDecoder.ts";
import {
  type DecoderSettings,
  decoderInputs,
  type EncoderSettings,
  keptMasks,
  type ModelSettings,
  type SceneSpecs,
  sceneSpecs,
  tokensAndImage,
} from "../sam/parts.ts";
import type { Weights } from "../weights.ts";
import { type PyramidConfig, sam2ImageEncoder } from "./imageEncoder.ts";
import { type Skips, sam2Decoder, skipsOf } from "./maskDecoder.ts";

/** What a scene keeps of a picture: as in SAM, and what the decoder adds as it upscales. */
export function sam2SceneSpecs(settings: ModelSettings): SceneSpecs & Readonly<Record<keyof Skips, Spec>> {
  const { dtype, config } = settings;
  const [N, C] = [config.image_embedding_size ** 2, config.prompt.hidden_size];
  return {
    ...sceneSpecs(settings),
    skip1: { dtype, shape: [1, 4 * N, C / 4] },
    skip0: { dtype, shape: [1, 16 * N, C / 8] },
  };
}

/** The coarsest map of the pyramid as the decoder takes it, of a picture that follows on no other: [1, N, C]. */
export function embeddingOf(map: Value, weights: Weights): Value {
  const [, h = 0, w = 0, C = 0] = map.shape;
  const { graph } = map;
  const noMemory = graph.reshape(weights.get("no_memory_embedding", [1, 1, C]), [C]);
  return graph.reshape(add(map, noMemory), [1, h * w, C]);
}

/** pixels [1, S, S, 3], normalised, to what a scene keeps; with isEmbeddingOnly to what a decoder needs to make it. */
export const sam2EncoderPart = /* @__PURE__ */ definePart({
  name: "sam 2 encoder",
  inputs: ({ config: { image_size: side }, dtype }: EncoderSettings) => ({
    pixels: { dtype, shape: [1, side, side, 3] },
  }),
  record: ({ pixels }, weights, { config, isEmbeddingOnly = false }): Readonly<Record<string, Value>> => {
    const levels = sam2ImageEncoder(pixels, weights, config.vision as PyramidConfig);
    const embedding = embeddingOf(levels[2] as Value, weights);
    const image = isEmbeddingOnly ? {} : samImage(embedding, weights, config);
    return { embedding, ...image, ...skipsOf(levels, weights) };
  },
  boundOutputs: (settings) => (settings.isBound ? Object.keys(sam2SceneSpecs(settings)) : []),
});

/** As decoderPart of SAM, and whether the object is in the picture: logits [P, 1]. */
export const sam2DecoderPart = /* @__PURE__ */ definePart({
  name: "sam 2 decoder",
  inputs: (settings: DecoderSettings) => decoderInputs(settings, sam2SceneSpecs(settings)),
  record: (inputs, weights, { config }) => {
    const { tokens, image } = tokensAndImage(inputs, weights, config);
    const decoded = sam2Decoder(tokens, image, inputs as unknown as Skips, weights, config);
    return { masks: decoded.lowResMasks, scores: decoded.iouScores, objectScores: decoded.objectScoreLogits };
  },
  boundOutputs: keptMasks,
});
