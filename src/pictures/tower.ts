// What is run on pictures, whichever model it is of.
import type { Part } from "../models/part.ts";
import { preprocessPart } from "../models/preprocess/preprocess.ts";
import type { Preprocessing, Size } from "../models/preprocess/recipe.ts";
import type { Session } from "../session/session.ts";
import { rowLength } from "./upload.ts";

/** What matters of a picture for the plan that takes it. */
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

/** The part that brings a picture of this size to the tower's pixels. */
export function preprocessor({ dtype }: Session, picture: PictureSize, recipe: Preprocessing): Part<"image", "pixels"> {
  const { width, height } = picture;
  return preprocessPart({ recipe, width, height, rowLength: rowLength(picture), dtype });
}
