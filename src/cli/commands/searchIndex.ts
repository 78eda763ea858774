// `search` of an index: by texts and pictures, with conditions, page by page, and as a sheet of results in HTML.
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { ArgumentError, InvalidFileError, NotFoundError, VisionError } from "../../device/errors.ts";
import { ExactSearch } from "../../search/exactSearch.ts";
import { combineQuery } from "../../search/query.ts";
import { type Context, type GlobalOptions, openClip } from "../context.ts";
import { resultSheet } from "../draw/resultSheet.ts";
import { EXIT, UsageError } from "../failure.ts";
import { writeWhole } from "../files/writeWhole.ts";
import type { FoundRow } from "../pictureIndex/foundRow.ts";
import { type IndexModel, IndexTable, messageOf } from "../pictureIndex/indexTable.ts";
import { loadOne } from "../pictureRun.ts";
import { jsonText } from "../printable.ts";
import { bar, table } from "../table.ts";
import { modelOf } from "./indexPictures.ts";

/** What to look for: the sum of texts and pictures, less others. */
export interface SearchQuery {
  readonly text?: string;
  /** Pictures like what is looked for. */
  readonly images: readonly string[];
  /** Texts of what it must not be like. */
  readonly minus: readonly string[];
  /** How much pictures count beside texts, from 0 to 1. */
  readonly imageWeight: number;
}

export interface SearchIndexRequest extends SearchQuery {
  readonly folder: string;
  readonly top: number;
  /** From 1. */
  readonly page: number;
  readonly where?: string;
  readonly exact: boolean;
  /** A file for the results with small pictures. */
  readonly html?: string;
}

/** Whether a folder is an index. */
export async function isIndex(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => name.endsWith(".lance"));
}

export async function searchIndex(request: SearchIndexRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { folder, top, page, where, exact } = request;
  const tables = await IndexTable.all(resolve(folder));
  const chosen = tableOf(tables, folder, options);
  const withModel = { ...context, options: { ...options, ...optionsOf(chosen.model) } };
  using clip = await openClip(withModel);
  const { identity } = await modelOf(withModel, clip.dtype);
  if (identity !== chosen.model.identity) {
    throw new InvalidFileError(
      `${folder} was made with another checkpoint than ${chosen.model.model} is now: index anew`,
    );
  }
  const vector = await queryVector(clip, request, context);
  const offset = (page - 1) * top;
  const isExact = exact || !(await chosen.hasNeighbours());
  const onGpu = isExact && offset + top <= MOST_ON_GPU && (await chosen.count()) * vector.byteLength <= GPU_BYTES;
  const searching = onGpu
    ? searchOnGpu(chosen, clip, vector, request)
    : chosen.search(vector, { top, offset, where, isExact });
  const rows = await searching.catch((cause) => {
    if (where === undefined || cause instanceof VisionError) throw cause;
    throw new ArgumentError(`--where ${where} cannot be meant: ${messageOf(cause)}`, { cause });
  });
  if (request.html !== undefined) await writeWhole(request.html, await resultSheet(queryTitle(request), rows));
  if (options.json) {
    const results = rows.map(({ path, score, ...facts }) => ({ image: path, score, ...facts }));
    const pictures = await chosen.count(where);
    terminal.result(jsonText({ model: chosen.model.model, query: queryTitle(request), pictures, page, results }, 2));
    return EXIT.OK;
  }
  terminal.result(rows.length > 0 ? foundTable(rows) : "no picture is found");
  if (request.html !== undefined) terminal.result(request.html);
  return EXIT.OK;
}

/** Exact search of so many bytes of rows is the GPU's; LanceDB searches larger tables where they lie. */
const GPU_BYTES = 256 << 20;
const MOST_ON_GPU = 1024;

async function searchOnGpu(
  chosen: IndexTable,
  clip: Clip,
  vector: Float32Array,
  { top, page, where }: SearchIndexRequest,
): Promise<FoundRow[]> {
  const rows = await chosen.rows(where);
  using search = await ExactSearch.open(rows, { device: await clip.device() });
  const [best = []] = await search.search({ data: vector, shape: [1, vector.length] }, { k: page * top });
  const shown = best.slice((page - 1) * top);
  const facts = await rows.facts(shown.map(({ index }) => index));
  return shown.map(({ score }, i) => ({ ...(facts[i] as FoundRow), score }));
}

/** The table of the model that --model and --dtype name, or the only one. */
export function tableOf(tables: readonly IndexTable[], folder: string, { model, dtype }: GlobalOptions): IndexTable {
  const ofModel = tables.filter((one) => model === undefined || one.model.model === model);
  const ofType = ofModel.filter((one) => one.model.dtype === dtype);
  const [only] = ofModel.length > 1 ? ofType : ofModel;
  if (only && (ofModel.length === 1 || ofType.length === 1)) return only;
  const names = tables.map(({ model: { model: name, dtype: of } }) => `${name} (${of})`).join(", ");
  if (ofModel.length === 0) throw new NotFoundError(`${folder} has no rows of ${model}, but of ${names || "no model"}`);
  throw new UsageError(`${folder} has rows of several models: say which by --model and --dtype: ${names}`);
}

/** The options that load a table's model. */
function optionsOf({ model, revision, subfolder, variant, dtype }: IndexModel) {
  const given = { model: model === SHIPPED ? undefined : model, revision, subfolder, variant, dtype };
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value || undefined]));
}

/** What is called so where no model is named. */
const SHIPPED = "tiny-clip";

/** The sum of what is looked for, of unit length. */
export async function queryVector(clip: Clip, query: SearchQuery, { signal }: Context): Promise<Float32Array> {
  const embed = async (text: string) => (await clip.encodeText(text, { signal })).data;
  const text = query.text === undefined ? undefined : await embed(query.text);
  const images: Float32Array[] = [];
  for (const path of query.images) {
    const { image } = await loadOne(path, "--image", signal);
    images.push((await clip.encodeImage({ ...image, channels: 4 }, { signal })).data);
  }
  const minus: Float32Array[] = [];
  for (const unwanted of query.minus) minus.push(await embed(unwanted));
  const vector = combineQuery({ text, images, minus, imageWeight: query.imageWeight });
  if (vector) return vector;
  throw new UsageError("what is looked for and what it must not be like are the same");
}

/** What is looked for, for people. */
export function queryTitle({ text, images, minus }: SearchQuery): string {
  if (text !== undefined && images.length + minus.length === 0) return text;
  const plus = [...(text === undefined ? [] : [`"${text}"`]), ...images].join(" + ");
  return [plus, ...minus.map((unwanted) => `"${unwanted}"`)].join(" - ");
}

/** The best one's bar is full. */
export function foundTable(found: readonly Pick<FoundRow, "path" | "score">[]): string {
  const best = Math.max(...found.map(({ score }) => score));
  return table(
    found.map(({ path, score }) => [score.toFixed(3), bar(score / best, 12), path]),
    "rll",
  );
}
