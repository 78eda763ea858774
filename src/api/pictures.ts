// From a decoded picture to the pixels that a tower takes: a preprocessing plan for each size.
import type { RgbaImage } from "../io/image.ts";
import type { PlanRequest } from "./planCache.ts";
import { outputSize, type Preprocessing, preprocess } from "./preprocess.ts";
import type { Session } from "./session.ts";

/** The plan that brings a picture of this size to the tower's pixels. */
export function preprocessor(
  session: Session,
  { width, height }: Pick<RgbaImage, "width" | "height">,
  recipe: Preprocessing,
): PlanRequest {
  const key = `preprocess ${height} ${width} ${outputSize(recipe, [height, width])}`;
  const build: PlanRequest["build"] = (graph) => {
    const image = graph.input("image", { dtype: "u32", shape: [height, width] });
    graph.output("pixels", preprocess(image, recipe, session.dtype));
  };
  return { key, build };
}
