// What a model gives of no picture or no text. Few ask for it, and a page loads it when they do.
import type { NdArray } from "../device/tensor.ts";
import type { Part } from "../models/part.ts";
import { outputSize } from "../models/preprocess/recipe.ts";
import type { Session } from "../session/session.ts";
import type { EncodedPicture } from "./encodeOptions.ts";
import type { PictureTower } from "./tower.ts";

/** What a tower would give of no picture, of whatever size where it takes any. */
export async function encodeNone(tower: PictureTower): Promise<Pick<EncodedPicture, "size" | "outputs">> {
  const size = outputSize(tower.recipe({ width: 224, height: 224 }), [224, 224]);
  return { size, outputs: await outputsOfNone(tower.session, tower.part(1, size)) };
}

/** The outputs of a part, whose first axis are pictures or texts, without rows. */
export async function outputsOfNone(session: Session, part: Part): Promise<Readonly<Record<string, NdArray>>> {
  const outputs = [...(await session.plan(part)).outputs].map(([name, { value }]) => {
    return [name, { data: new Float32Array(0), shape: [0, ...value.shape.slice(1)] }] as const;
  });
  return Object.fromEntries(outputs);
}
