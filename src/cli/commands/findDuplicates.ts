// `search --near-duplicates`: groups of pictures of an index that are almost the same, by comparing each with all.
import { resolve } from "node:path";
import { ArgumentError, NotFoundError } from "../../device/errors.ts";
import { openDevice } from "../../device/open.ts";
import { ExactSearch } from "../../search/exactSearch.ts";
import { nearDuplicates } from "../../search/nearDuplicates.ts";
import type { Context } from "../context.ts";
import { resultSheet } from "../draw/resultSheet.ts";
import { EXIT } from "../failure.ts";
import { writeWhole } from "../files/writeWhole.ts";
import type { FoundRow } from "../pictureIndex/foundRow.ts";
import { IndexTable, messageOf } from "../pictureIndex/indexTable.ts";
import type { TableRows } from "../pictureIndex/tableRows.ts";
import { jsonText } from "../printable.ts";
import { table } from "../table.ts";
import { isIndex, tableOf } from "./searchIndex.ts";

export interface DuplicatesRequest {
  readonly folder: string;
  /** The least cosine of a pair. */
  readonly threshold: number;
  readonly where: string | undefined;
  /** A file for the groups with small pictures. */
  readonly html: string | undefined;
}

export async function findDuplicates(request: DuplicatesRequest, context: Context): Promise<number> {
  const { folder, threshold, where, html } = request;
  const { terminal, options, signal } = context;
  if (!(await isIndex(folder))) throw new NotFoundError(`${folder} is no index of pictures: make one by index`);
  const chosen = tableOf(await IndexTable.all(resolve(folder)), folder, options);
  const rows = await chosen.rows(where).catch((cause) => {
    throw new ArgumentError(`--where ${where} cannot be meant: ${messageOf(cause)}`, { cause });
  });
  using device = await openDevice();
  using search = await ExactSearch.open(rows, { device });
  const progress = terminal.progress("pictures", rows.count);
  const onProgress = (done: number) => progress.update(done);
  const groups = await nearDuplicates(search, rows, { threshold, onProgress, signal }).finally(() => progress.stop());
  const scoredGroups: FoundRow[][] = [];
  for (const group of groups) scoredGroups.push(await scored(group, rows, signal));
  const title = `pictures of ${folder} that are almost the same`;
  if (html !== undefined) await writeWhole(html, await resultSheet(title, ...scoredGroups));
  if (options.json) {
    const shown = scoredGroups.map((group) => group.map(({ path, ...facts }) => ({ image: path, ...facts })));
    terminal.result(jsonText({ model: chosen.model.model, pictures: rows.count, threshold, groups: shown }, 2));
    return EXIT.OK;
  }
  terminal.result(scoredGroups.length > 0 ? groupsTable(scoredGroups) : "no two pictures are almost the same");
  if (html !== undefined) terminal.result(html);
  return EXIT.OK;
}

/** A group with each picture's cosine to the first of it. */
async function scored(group: readonly number[], rows: TableRows, signal: AbortSignal): Promise<FoundRow[]> {
  const vectors: Float32Array[] = [];
  for (const row of group) vectors.push((await rows.read(row, 1, signal)).rows as Float32Array);
  const [first] = vectors as [Float32Array];
  const facts = await rows.facts(group);
  return facts.map((of, i) => {
    const score = first.reduce((sum, value, c) => sum + value * (vectors[i]?.[c] ?? 0), 0);
    return { ...of, score };
  });
}

function groupsTable(groups: readonly (readonly FoundRow[])[]): string {
  const lines = groups.flatMap((group, i) =>
    group.map(({ score, path, width, height }, place) => {
      const size = width && height ? `${width} x ${height}` : "";
      return [place === 0 ? String(i + 1) : "", score.toFixed(3), size, path];
    }),
  );
  return table([["group", "like its first", "size", "picture"], ...lines], "rrll");
}
