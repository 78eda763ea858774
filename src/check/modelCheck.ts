// What the check of a model's outputs is given, whatever its family.
import type { NdArray } from "../device/tensor.ts";
import type { HostInputs } from "../graph/executor.ts";
import type { Source } from "../io/source/source.ts";
import type { FamilyModel, FloatType } from "../models/family.ts";
import type { Part } from "../models/part.ts";

/** What the check of a class of models is given. */
export interface ModelCheck<Model extends FamilyModel> {
  readonly model: Model;
  /** The parsed expected.json. */
  readonly expected: unknown;
  readonly source: Source;
  readonly dtypes: readonly FloatType[];
  /** Runs a part once. */
  run(part: Part, inputs: HostInputs, dtype: FloatType): Promise<Record<string, NdArray>>;
}
