// From a decoded picture to the pixels that a tower takes: a preprocessing plan for each size.

import { outputSize, type Preprocessing, preprocess } from "../models/preprocess/preprocess.ts";
import type { PlanRequest } from "../session/planCache.ts";
import type { Session } from "../session/session.ts";
import { rowLength } from "./upload.ts";

/** The plan that brings a picture of this size to the tower's pixels. */
export function preprocessor(
  session: Session,
  picture: { readonly width: number; readonly height: number },
  recipe: Preprocessing,
): PlanRequest {
  const { width, height } = picture;
  const row = rowLength(picture);
  const key = `preprocess ${height} ${width} ${row} ${outputSize(recipe, [height, width])}`;
  const build: PlanRequest["build"] = (graph) => {
    const image = graph.input("image", { dtype: "u32", shape: [height, row] });
    graph.output("pixels", preprocess(image, recipe, session.dtype, width));
  };
  return { key, build };
}
