// A family of models: how a checkpoint of it is known, and what its files say. Everything that differs from family to
// family stands behind this record, so that loading, describing, checking and timing have no list of models of their
// own. families.ts has them all.
import type { HostInputs } from "../graph/executor.ts";
import type { Part } from "./part.ts";
import type { Preprocessing } from "./preprocess/recipe.ts";
import type { Naming, TensorTable } from "./weights.ts";

/** Settings of an image processor, and the file that they are from. */
export interface ProcessorFile {
  /** "preprocessor_config.json", or the part of processor_config.json. */
  readonly file: string;
  /** Parsed and not yet understood. */
  readonly json: unknown;
}

/** The class of the API that runs a family. */
export type ModelClass = "Clip" | "Dino" | "Sam";

/** What lies beside a checkpoint's weights, parsed and not yet understood; and the table of its tensors. */
export interface ModelFiles extends TensorTable {
  /** config.json, of transformers or timm; undefined where open_clip_config.json says all. */
  readonly config: unknown;
  /** open_clip_config.json */
  readonly openClip: unknown;
  /** Settings of transformers' image processor, where there are some. */
  readonly processor: ProcessorFile | undefined;
}

/** A family of models. */
export interface Family<Model extends FamilyModel = FamilyModel> {
  /** For programs: "clip-vit". */
  readonly name: string;
  /** For people: "CLIP with a Vision Transformer". */
  readonly title: string;
  readonly modelClass: ModelClass;
  /** What `model_type` of a config.json of transformers says. */
  readonly modelTypes: readonly string[];
  /**
   * Names of tensors that checkpoints hold beside the model: nothing reads them, and that is right (unread.ts). Where
   * absent, each checkpoint's own (FamilyModel.beside).
   */
  readonly beside?: readonly RegExp[];
  /** Settings that a load asks for besides config.json and those of processors. */
  readonly settings?: readonly string[];
  /** Whether a load asks for a tokenizer. */
  readonly hasTokenizer?: boolean;
  /** Whether the files are of this family. */
  recognizes(files: ModelFiles): boolean;
  /** Reads the files, by code that may be loaded for it. Throws CheckpointError where they are absurd or not of it. */
  read(files: ModelFiles): Promise<Model>;
}

/** What a family makes of a checkpoint's files. */
export interface FamilyModel {
  /** Sizes of the model. */
  readonly config: object;
  /** How pictures are brought to it. */
  readonly recipe: Preprocessing;
  /** From the names that the models speak to those of the checkpoint. */
  readonly naming: Naming;
  /** The parts that a load makes ready: together they read all weights that the model's calls need. */
  firstParts(dtype: FloatType): readonly Part[];
  /** Parts that read weights which the first ones do not. */
  otherParts?(dtype: FloatType): readonly Part[];
  /** For people, in place of the family's title: an architecture of its own within the family. */
  readonly title?: string;
  /** Names of tensors of this checkpoint that it holds beside the model, besides those of its family. */
  readonly beside?: readonly RegExp[];
  /** Each part by name, at the checkpoint's own sizes: what `info` describes and `bench` times. */
  examples(dtype: FloatType): Readonly<Record<string, Example>>;
}

/** Type of weights, inputs and activations. */
export type FloatType = "f32" | "f16";

/** A part for one picture, text or prompt. */
export interface Example {
  readonly part: Part;
  /** Inputs that it may be given, from a source of uniform numbers in [0, 1). */
  inputs(random: () => number): Promise<HostInputs>;
}

/** The family that recognises the files. */
export function familyOf<Model extends FamilyModel>(
  families: readonly Family<Model>[],
  files: ModelFiles,
): Family<Model> | undefined {
  return families.find((family) => family.recognizes(files));
}
