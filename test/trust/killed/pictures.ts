// Pictures that are not there, and an embedding for each: what `keep.ts` keeps, and what must be found again.
import type { PictureFile } from "../../../src/cli/files/pictures.ts";
import { random } from "../../../src/device/random.ts";

/** In two folders. */
export const PICTURES: readonly PictureFile[] = Array.from({ length: 40 }, (_, i) => {
  return { path: `/photos/${i % 2 ? "sea" : "land"}/${i}.jpg`, size: 1000 + i, mtimeMs: 1e12 + i };
});

/** 512 numbers that no other picture has. */
export function embeddingOf({ size }: PictureFile): Float32Array {
  const draw = random(size);
  return Float32Array.from({ length: 512 }, draw);
}
