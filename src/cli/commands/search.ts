// `search`: ranks the pictures of a folder for a text. Embeddings are kept, so that only new and changed pictures are
// embedded again.
import { join } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { cacheFolder } from "../../device/userCache.ts";
import { openSource } from "../../io/source/openSource.ts";
import { type Context, downloadBars, modelName, modelSource, openClip, sourceOptions } from "../context.ts";
import { resultSheet } from "../draw/resultSheet.ts";
import { EXIT, UsageError } from "../failure.ts";
import { EmbeddingCache } from "../files/embeddingCache.ts";
import { checkpointIdentity } from "../files/identity.ts";
import {
  EXTENSIONS,
  embedPictures,
  findPictures,
  leftOutNote,
  type PictureFailure,
  type PictureFile,
} from "../files/pictures.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { jsonText } from "../printable.ts";
import { foundTable, isIndex, queryTitle, queryVector, type SearchIndexRequest, searchIndex } from "./searchIndex.ts";

export interface SearchRequest extends SearchIndexRequest {
  /** Pictures in one run of the model. */
  readonly batch?: number | undefined;
}

/** How often new embeddings are written while there are more to come. */
const SAVE_EVERY_MS = 10_000;

interface Match {
  readonly path: string;
  /** Cosine of the picture and what is looked for. */
  readonly score: number;
}

export async function search(request: SearchRequest, context: Context): Promise<number> {
  const { folder, top, batch } = request;
  if (await isIndex(folder)) return searchIndex(request, context);
  if (request.where !== undefined || request.page !== 1 || request.exact) {
    throw new UsageError(`--where, --page and --exact are for an index, but ${folder} is none: make one by index`);
  }
  const { terminal, options, signal } = context;
  const { pictures: files, leftOut } = await findPictures(folder, signal);
  const note = leftOutNote(leftOut);
  if (note) terminal.error(note);
  if (files.length === 0) throw new NotFoundError(`no pictures in ${folder}: looked for ${EXTENSIONS.join(", ")}`);
  using clip = await openClip(context);
  const cache = await openCache(context, clip.dtype);
  const known = await knownEmbeddings(cache, files);
  const missing = files.filter(({ path }) => !known.has(path));
  const warnings = await embedMissing(clip, { missing, batch }, known, cache, context);
  const exitCode = warnings.length ? EXIT.FAILURE : EXIT.OK;
  if (known.size === 0) throw new ImageError(`none of the ${files.length} pictures in ${folder} could be read`);
  const matches = rank(known, await queryVector(clip, request, context)).slice(0, top);
  const query = queryTitle(request);
  if (request.html !== undefined) await writeWhole(request.html, await resultSheet(query, matches));
  const embedded = missing.length - warnings.length;
  if (options.json) {
    const results = matches.map(({ path, score }) => ({ image: path, score }));
    const counts = { pictures: files.length, embedded, cached: files.length - missing.length, leftOut };
    terminal.result(jsonText({ model: modelName(options), query, ...counts, results, errors: warnings }, 2));
    return exitCode;
  }
  const counts = `${embedded} embedded now, ${files.length - missing.length} known from before`;
  terminal.note(terminal.dim(`${query} in ${folder}: ${files.length} pictures, ${counts}`));
  terminal.result(foundTable(matches));
  if (request.html !== undefined) terminal.result(request.html);
  return exitCode;
}

/** The cache for this model, as its files are now, in this type. */
async function openCache(context: Context, dtype: Clip["dtype"]): Promise<EmbeddingCache> {
  const { options, terminal, signal } = context;
  const { onProgress, stop } = downloadBars(terminal);
  const source = await openSource(modelSource(options), { ...sourceOptions(context), onProgress });
  const identity = await checkpointIdentity(source, signal).finally(stop);
  const { revision, subfolder, variant } = options;
  const place = [modelSource(options), revision, subfolder, variant].filter((part) => part !== undefined);
  const key = [...place, identity, dtype].join("\n");
  return new EmbeddingCache(join(cacheFolder(), "embeddings"), key);
}

async function knownEmbeddings(
  cache: EmbeddingCache,
  files: readonly PictureFile[],
): Promise<Map<string, Float32Array>> {
  const known = new Map<string, Float32Array>();
  for (const file of files) {
    const embedding = await cache.get(file);
    if (embedding) known.set(file.path, embedding);
  }
  return known;
}

/** Embeds what is missing into `known` and the cache; gives those that could not be read. */
async function embedMissing(
  clip: Clip,
  { missing, batch }: { readonly missing: readonly PictureFile[]; readonly batch: number | undefined },
  known: Map<string, Float32Array>,
  cache: EmbeddingCache,
  { terminal, options, signal }: Context,
): Promise<PictureFailure[]> {
  const fileOf = new Map(missing.map((file) => [file.path, file]));
  const warnings: PictureFailure[] = [];
  const progress = terminal.progress("pictures", missing.length);
  let done = 0;
  let savedAt = performance.now();
  try {
    const inputs = missing.map(({ path }) => ({ path, image: path }));
    for await (const picture of embedPictures(clip, inputs, { signal, batch })) {
      progress.update(++done);
      if ("message" in picture) {
        if (options.strict) throw new ImageError(picture.message);
        warnings.push(picture);
        terminal.warn(picture.message);
        continue;
      }
      known.set(picture.path, picture.embedding);
      await cache.put(fileOf.get(picture.path) as PictureFile, picture.embedding);
      if (performance.now() - savedAt < SAVE_EVERY_MS) continue;
      await saveCache(cache);
      savedAt = performance.now();
    }
  } finally {
    // A search that is cancelled keeps what it has.
    progress.stop();
    const problem = await saveCache(cache);
    if (problem) terminal.warn(`the embeddings could not be kept for the next search: ${problem}`);
  }
  return warnings;
}

/** What went wrong, if anything: a search does not fail for it. */
async function saveCache(cache: EmbeddingCache): Promise<string | undefined> {
  try {
    await cache.save();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function rank(known: ReadonlyMap<string, Float32Array>, query: Float32Array): Match[] {
  const matches = [...known].map(([path, embedding]) => {
    const score = embedding.reduce((sum, value, i) => sum + value * (query[i] as number), 0);
    return { path, score };
  });
  return matches.sort((a, b) => b.score - a.score);
}
