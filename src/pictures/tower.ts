// What is run on pictures, whichever model it is of, and what becomes of its outputs.
import type { Executor } from "../graph/executor.ts";
import type { Part } from "../models/part.ts";
import { preprocessPart } from "../models/preprocess/preprocess.ts";
import type { Preprocessing, Size } from "../models/preprocess/recipe.ts";
import type { Session } from "../session/session.ts";

/** What matters of a picture for how it is brought to a tower. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A model's image tower. */
export interface PictureTower {
  readonly session: Session;
  /** How a picture is brought to the tower; throws ArgumentError where it cannot be. */
  recipe(picture: PictureSize): Preprocessing;
  /** The part with input "pixels" [pictures, height, width, 3]; all its outputs have an axis of pictures first. */
  part(pictures: number, size: Size): Part<"pixels">;
}

/** Pictures that a tower is run on at once. */
export interface Batch {
  /** Places of the pictures in their source, in the order of the batch. */
  readonly indices: readonly number[];
  /** Of the pictures as the tower sees them. */
  readonly size: Size;
  /** Records what brings them to the tower's pixels. */
  record(encoder: GPUCommandEncoder): void;
}

/** What becomes of a tower's outputs. */
export interface Collector<Outputs, Row> {
  /** An idle GPU preprocesses pictures before their batch is full: sooner done, with more submits than batches. */
  readonly isEager?: boolean;
  /** Runs the tower on a batch: records and submits it all before it returns. */
  run(tower: Executor, batch: Batch): Promise<Outputs>;
  /** Frees what came of a run whose call is over. */
  discard?(outputs: Outputs): void;
  /** What one picture of the batch gets of it. */
  row(outputs: Outputs, row: number): Row;
}

/** The part that brings a picture of this size to the tower's pixels. */
export function preprocessor(
  { dtype }: Session,
  { width, height, rowLength = width }: PictureSize & { readonly rowLength?: number },
  recipe: Preprocessing,
): Part<"image", "pixels"> {
  return preprocessPart({ recipe, width, height, rowLength, dtype });
}
