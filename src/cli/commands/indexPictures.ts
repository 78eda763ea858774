// `index`: embeds pictures into an index on the disk, and brings it up to date.
import { readFile, stat } from "node:fs/promises";
import { extname, resolve } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { stack } from "../../api/embeddings.ts";
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { openSource } from "../../io/source/openSource.ts";
import { ExactSearch } from "../../search/exactSearch.ts";
import { type Context, downloadBars, modelName, modelSource, openClip, sourceOptions } from "../context.ts";
import { EXIT } from "../failure.ts";
import { checkpointIdentity } from "../files/identity.ts";
import { findPictures, leftOutNote, messageOf, type PictureFailure, type PictureFile } from "../files/pictures.ts";
import { BusyTime } from "../pictureIndex/busyTime.ts";
import { type IndexModel, IndexTable } from "../pictureIndex/indexTable.ts";
import { updateIndex } from "../pictureIndex/updateIndex.ts";
import { lockForWriting } from "../pictureIndex/writerLock.ts";
import { jsonText } from "../printable.ts";

export interface IndexRequest {
  /** Folders, pictures, and text files with a path a line. */
  readonly sources: readonly string[];
  readonly out: string;
  readonly batch?: number;
  /** Make an index of neighbours, for many rows. */
  readonly ann: boolean;
  /** Compare it with exact search. */
  readonly check: boolean;
}

/** What the sources hold. */
interface Listing {
  readonly files: Map<string, PictureFile>;
  readonly folders: string[];
  readonly leftOut: string[];
  readonly failures: PictureFailure[];
}

export async function indexPictures(request: IndexRequest, context: Context): Promise<number> {
  const { terminal, options, signal } = context;
  const listing = await findAll(request.sources, context);
  const release = await lockForWriting(request.out);
  try {
    using clip = await openClip(context);
    const model = await modelOf(context, clip.dtype);
    const dimensions = (await clip.encodeImage([])).shape[1] as number; // also of one without a text tower
    const table = await IndexTable.open(resolve(request.out), model, dimensions);
    const errors = [...listing.failures];
    const progress = terminal.progress("pictures", listing.files.size);
    const began = performance.now();
    const busy = { decode: new BusyTime(), gpu: new BusyTime() };
    let done = 0;
    const onPicture = (failure?: PictureFailure) => {
      progress.update(++done, Math.max(done, listing.files.size));
      if (!failure) return;
      if (options.strict) throw new ImageError(failure.message);
      errors.push(failure);
      terminal.warn(failure.message);
    };
    const counts = await updateIndex(clip, table, {
      files: [...listing.files.values()],
      folders: listing.folders,
      batch: request.batch,
      signal,
      onPicture,
      onStep: (step) => {
        if (step.lane === "decode" || step.lane === "gpu") busy[step.lane].add(step);
      },
    }).finally(() => progress.stop());
    const seconds = (performance.now() - began) / 1000;
    if (counts.embedded + counts.known + counts.removed > 0) await table.optimize();
    if (request.ann) await table.makeNeighbours();
    const recall = request.check ? await recallOf(table, clip) : undefined;
    const pictures = await table.count();
    const { leftOut } = listing;
    const shares = { decodeShare: busy.decode.ms / 1000 / seconds, gpuShare: busy.gpu.ms / 1000 / seconds };
    const rates = counts.embedded > 0 ? { perSecond: counts.embedded / seconds, ...shares } : {};
    const document = { model: modelName(options), index: request.out, pictures, ...counts, ...rates, leftOut, errors };
    if (options.json) terminal.result(jsonText({ ...document, ...(recall !== undefined && { recall }) }, 2));
    else {
      const { embedded, known, unchanged, removed } = counts;
      const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
      const idle = `decoding ${percent(shares.decodeShare)} of the time, the GPU idle ${percent(1 - shares.gpuShare)}`;
      const rate = embedded > 0 ? ` (${(embedded / seconds).toFixed(1)} a second; ${idle})` : "";
      const what = [
        `${embedded} embedded${rate}`,
        `${known} moved or copied`,
        `${unchanged} as before`,
        `${removed} gone`,
      ];
      terminal.result(`${request.out}: ${pictures} pictures; ${what.join(", ")}`);
      if (recall !== undefined) terminal.result(recallText(recall, await table.hasNeighbours()));
    }
    return errors.length > 0 ? EXIT.FAILURE : EXIT.OK;
  } finally {
    await release();
  }
}

/** The model of rows that this command line makes. */
export async function modelOf(context: Context, dtype: string): Promise<IndexModel> {
  const { options, terminal, signal } = context;
  const { onProgress, stop } = downloadBars(terminal);
  const source = await openSource(modelSource(options), { ...sourceOptions(context), onProgress });
  const identity = await checkpointIdentity(source, signal).finally(stop);
  const { revision = "", subfolder = "", variant = "" } = options;
  return { model: modelName(options), revision, subfolder, variant, dtype, identity };
}

/** Finds the pictures of all sources; what is not there is a failure, and the others go on. */
async function findAll(sources: readonly string[], context: Context): Promise<Listing> {
  const listing: Listing = { files: new Map(), folders: [], leftOut: [], failures: [] };
  for (const source of sources) await find(source, listing, context);
  const note = leftOutNote(listing.leftOut);
  if (note) context.terminal.error(note);
  for (const { message } of listing.failures) context.terminal.warn(message);
  const [first] = listing.failures;
  if (first && (context.options.strict || listing.files.size + listing.folders.length === 0))
    throw new NotFoundError(first.message);
  return listing;
}

async function find(source: string, listing: Listing, context: Context): Promise<void> {
  context.signal.throwIfAborted();
  try {
    const path = resolve(source);
    const stats = await stat(path);
    if (stats.isDirectory()) {
      const { pictures, leftOut } = await findPictures(path, context.signal);
      listing.folders.push(path);
      listing.leftOut.push(...leftOut);
      for (const file of pictures) listing.files.set(file.path, file);
    } else if (extname(path) === ".txt") {
      const lines = (await readFile(path, "utf8")).replace(/^\ufeff/, "").split(/\r?\n/);
      for (const line of lines) if (line.trim() !== "") await find(line, listing, context);
    } else listing.files.set(path, { path, size: stats.size, mtimeMs: stats.mtimeMs });
  } catch (error) {
    context.signal.throwIfAborted();
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = isMissing ? `there is no file ${source}: check the path` : messageOf(error);
    listing.failures.push({ path: source, message });
  }
}

/** Vectors that searches are tried with, and how many of the best are compared. */
const [SAMPLES, TOP] = [100, 10];

interface Recall {
  /** Of the best of exact search, how many a search finds, as a share. */
  readonly share: number;
  /** Vectors of the index that were looked for. */
  readonly samples: number;
}

async function recallOf(table: IndexTable, clip: Clip): Promise<Recall> {
  let [same, all] = [0, 0];
  const vectors = await table.sample(SAMPLES);
  const rows = await table.rows();
  using search = await ExactSearch.open(rows, { device: await clip.device() });
  const queries = stack(vectors.map((data) => ({ data, shape: [1, rows.channels] })));
  const exact = vectors.length > 0 ? await search.search(queries, { k: TOP }) : [];
  for (const [i, best] of exact.entries()) {
    const near = await table.search(vectors[i] as Float32Array, { top: TOP, offset: 0, isExact: false });
    const paths = new Set(near.map(({ path }) => path));
    const facts = await rows.facts(best.map(({ index }) => index));
    same += facts.filter(({ path }) => paths.has(path)).length;
    all += facts.length;
  }
  return { share: all === 0 ? 1 : same / all, samples: vectors.length };
}

function recallText({ share, samples }: Recall, hasNeighbours: boolean): string {
  const what = hasNeighbours ? "its index of neighbours" : "search, which looks at every row,";
  return `${what} finds ${(100 * share).toFixed(1)} % of the ${TOP} best, by ${samples} of its pictures`;
}
