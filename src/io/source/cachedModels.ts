// What a page asks of the models that it keeps; the work is loaded when it is asked for (pageCache.ts).
import type { CachedModel } from "./pageCache.ts";

/**
 * The models that this site keeps in Cache Storage, by name. Empty outside browsers: Node and Deno keep Hub files on
 * disk, where Python's tools manage them.
 *
 * @example
 * for (const { name, bytes } of await cachedModels()) console.log(name, bytes);
 */
export async function cachedModels(): Promise<CachedModel[]> {
  return (await import("./pageCache.ts")).listModels();
}

/**
 * Removes one model from the browser's cache, by the name that `cachedModels` gives it, or all of them.
 *
 * @returns Bytes that were freed.
 * @example
 * await clearCachedModels("openai/clip-vit-base-patch32@main");
 */
export async function clearCachedModels(name?: string): Promise<number> {
  return (await import("./pageCache.ts")).clearModels(name);
}
