// The library itself on a page of the site, without worker and page: what it gives for sample photographs. Bundled and
// loaded by see.test.ts.
import { attentionMaps, Dino, type DinoFeatures, matchPatches, type PatchMatch, pca } from "../../src/index.ts";

export interface Expected {
  readonly grid: DinoFeatures["grid"];
  /** Attention of the first photo, a list for each head. */
  readonly heads: readonly number[][];
  /** Colours of all photos. */
  readonly colours: readonly { readonly rgb: number[]; readonly width: number; readonly height: number }[];
  /** For each patch of the first photo, the nearest of the second. */
  readonly matches: readonly PatchMatch[];
}

/** Loaded once a page. */
let loading: Promise<Dino> | undefined;

/** `detail` patches along the shorter edge, as the page does. */
async function library(photos: readonly string[], detail: number): Promise<Expected> {
  const dino = await (loading ??= Dino.fromPretrained("./models/tiny-dino"));
  const seen: DinoFeatures[] = [];
  for (const name of photos) {
    const photo = await (await fetch(`photos/${name}`)).blob();
    seen.push(await dino.encodeImage(photo, { size: detail * dino.patchSize, attention: true }));
  }
  const [first, second] = seen as [DinoFeatures, DinoFeatures?];
  const colours = pca(seen).pictures.map(({ rgb, width, height }) => ({ rgb: [...rgb], width, height }));
  return {
    grid: first.grid,
    heads: attentionMaps(first).map(({ data }) => [...data]),
    colours,
    matches: second ? matchPatches(first, second, { mutual: false }) : [],
  };
}

Object.assign(globalThis, { library });
