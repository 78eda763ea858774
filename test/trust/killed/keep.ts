// A program that keeps embeddings as `search` does, saving after each, and prints how many are safe. `crash.test.ts`
// kills it.
import { EmbeddingCache } from "../../../src/cli/files/embeddingCache.ts";
import { embeddingOf, PICTURES } from "./pictures.ts";

const [root = ""] = process.argv.slice(2);
const cache = new EmbeddingCache(root, "model f32");
for (const picture of PICTURES) await cache.get(picture);
for (const [i, picture] of PICTURES.entries()) {
  if (!(await cache.get(picture))) await cache.put(picture, embeddingOf(picture));
  await cache.save();
  console.log(i + 1);
}
