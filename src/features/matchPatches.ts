// Patches of two pictures that show the same thing: nearest neighbours by cosine, as "Deep ViT Features as Dense Visual
// Descriptors" (Amir et al., 2021) matches DINO's patches.
import { ArgumentError } from "../device/errors.ts";
import { checkChannels, eachProduct, type PatchFeatures, patchRows, type Rows, unitRows } from "./featureRows.ts";

/** Options of `matchPatches`. */
export interface MatchOptions {
  /** Keep pairs only that are each other's nearest (default); false: the nearest in b of every patch of a. */
  readonly mutual?: boolean;
  /** Drop pairs whose cosine is below this; -1 when absent. */
  readonly minSimilarity?: number;
  /** Patches of a that take part, 1 or 0 each [height * width]: an attention mask, or a foreground of `pca`. */
  readonly mask?: Uint8Array;
}

/** A patch of a and its match in b. */
export interface PatchMatch {
  /** [row, column] on a's grid. */
  readonly a: readonly [row: number, column: number];
  /** [row, column] on b's grid. */
  readonly b: readonly [row: number, column: number];
  /** Cosine, -1 to 1. */
  readonly similarity: number;
}

/**
 * Matches the patches of one picture with those of another, best first. Grids may differ.
 *
 * @throws ArgumentError for features of several pictures, of different models or with NaN, or a mask of another size.
 * @example
 * const matches = matchPatches(await dino.encodeImage("cat.jpg"), await dino.encodeImage("lion.jpg"));
 * matches[0]; // { a: [3, 4], b: [2, 5], similarity: 0.83 }
 */
export function matchPatches(a: PatchFeatures, b: PatchFeatures, options: MatchOptions = {}): PatchMatch[] {
  const { mutual = true, minSimilarity = -1, mask } = options;
  const rowsOfA = patchRows("matchPatches", a);
  const rowsOfB = patchRows("matchPatches", b);
  checkChannels("matchPatches", rowsOfB, rowsOfA);
  if (!(minSimilarity >= -1 && minSimilarity <= 1)) {
    throw new ArgumentError(`[matchPatches] minSimilarity is ${minSimilarity}, expected a cosine from -1 to 1`);
  }
  if (mask && mask.length !== rowsOfA.count) {
    throw new ArgumentError(`[matchPatches] mask has ${mask.length} elements, expected ${rowsOfA.count}, a's patches`);
  }
  const taking = Array.from({ length: rowsOfA.count }, (_, i) => i).filter((i) => !mask || mask[i]);
  const { nearestB, nearestA, similarity } = nearest(taking, unitRows(rowsOfA), unitRows(rowsOfB));
  const at = (patch: number, { grid: [, width] }: PatchFeatures) => [Math.floor(patch / width), patch % width] as const;
  const matches = taking.map((patch, i): PatchMatch => {
    return { a: at(patch, a), b: at(nearestB[i] as number, b), similarity: similarity[i] as number };
  });
  return matches
    .filter((match, i) => match.similarity >= minSimilarity && (!mutual || nearestA[nearestB[i] as number] === i))
    .sort((left, right) => right.similarity - left.similarity);
}

/** For the rows of a named in `taking`, the nearest of b; for each of b, the nearest as an index into `taking`. */
function nearest(taking: readonly number[], a: Rows, b: Rows) {
  const nearestB = new Int32Array(taking.length);
  const similarity = new Float32Array(taking.length);
  const nearestA = new Int32Array(b.count).fill(-1);
  const best = new Float32Array(b.count).fill(Number.NEGATIVE_INFINITY);
  const { channels } = a;
  const data = new Float32Array(taking.length * channels);
  taking.forEach((row, i) => {
    data.set(a.data.subarray(row * channels, (row + 1) * channels), i * channels);
  });
  eachProduct({ data, count: taking.length, channels }, b, (i, products) => {
    let nearestRow = 0;
    for (let j = 0; j < products.length; j++) {
      const value = products[j] as number;
      if (value > (products[nearestRow] as number)) nearestRow = j;
      if (value > (best[j] as number)) {
        best[j] = value;
        nearestA[j] = i;
      }
    }
    nearestB[i] = nearestRow;
    similarity[i] = Math.min(1, products[nearestRow] as number);
  });
  return { nearestB, nearestA, similarity };
}
