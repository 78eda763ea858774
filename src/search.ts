/**
 * Exact search among embeddings on the GPU, in bounded memory.
 *
 * ```ts
 * import { Clip } from "webgpu-vision";
 * import { ExactSearch } from "webgpu-vision/search";
 *
 * const clip = await Clip.fromPretrained("openai/clip-vit-base-patch32");
 * const search = await ExactSearch.open(await clip.encodeImage(["a.jpg", "b.jpg"]));
 * const [found] = await search.search(await clip.encodeText("a red saree"), { k: 1 });
 * console.log(found); // [{ index: 1, score: 0.31 }]
 * search.dispose();
 * clip.dispose();
 * ```
 *
 * @module
 */
export { ExactSearch, type ExactSearchOptions, type Neighbour, type SearchOptions } from "./search/exactSearch.ts";
export { type NearDuplicateOptions, nearDuplicates } from "./search/nearDuplicates.ts";
export {
  decodeRows,
  encodeRows,
  type RowBlock,
  type RowSource,
  type RowType,
  rowsInMemory,
} from "./search/rowSource.ts";
export { StoredRows, type StoredRowsOptions } from "./search/storedRows.ts";
