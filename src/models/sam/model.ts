// What the files of a checkpoint of SAM come to, whichever of its architectures it has: what the class Sam runs.

import { example } from "../example.ts";
import type { FamilyModel, FloatType } from "../family.ts";
import type { Part } from "../part.ts";
import type { SamConfig } from "./config.ts";
import type { DecoderSettings, EncoderSettings, ModelSettings, SceneSpecs } from "./parts.ts";
import { tokenLabels } from "./promptEncoder.ts";

/** The parts of an architecture, and what lies between them. */
interface SamParts {
  /** Encodes a picture. */
  encoder(settings: EncoderSettings): Part<"pixels">;
  /** What the encoder leaves of a picture for the decoder, by name. */
  scene(settings: ModelSettings): SceneSpecs;
  /** From prompts to the logits of all masks. */
  decoder(settings: DecoderSettings): Part;
}

/** What a checkpoint of SAM's files say. */
export interface SamModel extends FamilyModel {
  readonly config: SamConfig;
  readonly parts: SamParts;
  /** The encoder, which writes into a scene's buffers. */
  firstParts(dtype: FloatType): readonly [Part<"pixels">];
  /** Side of the square to which masks are resized before the picture's part of it is cut out. */
  readonly maskSquare: number;
}

/** What is of a checkpoint's own. */
export type SamFiles = Pick<SamModel, "config" | "parts" | "recipe" | "naming" | "beside" | "maskSquare" | "title">;

/** A model of these parts. */
export function samModel(given: SamFiles): SamModel {
  const { config, parts } = given;
  const prompt = { config, P: 1, T: tokenLabels(config).outputs + 2 } as const; // a point, and one that is none
  return {
    ...given,
    firstParts: (dtype) => [parts.encoder({ config, dtype, isBound: true })],
    otherParts: (dtype) => [parts.decoder({ ...prompt, dtype, hasMask: true, from: "embedding" })],
    examples: (dtype) => ({
      encoder: example(parts.encoder({ config, dtype })),
      decoder: example(parts.decoder({ ...prompt, dtype, hasMask: false, from: "scene" })),
    }),
  };
}
