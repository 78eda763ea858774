// Groups of rows that are almost the same: rows of a pair are in one group where their cosine is high enough, and so
// are those that are linked by others.
import { ArgumentError } from "../device/errors.ts";
import type { ExactSearch } from "./exactSearch.ts";
import { decodeRows, type RowSource } from "./rowSource.ts";

/** Options of `nearDuplicates`. */
export interface NearDuplicateOptions {
  /** The least cosine of a pair; 0.95 when absent. */
  readonly threshold?: number;
  /** Told how many rows were compared with all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Cancels the work: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Rows that are compared with all others in one search. */
const ROWS_AT_ONCE = 256;
/** Pairs of a row that are looked for at first; where all are near there may be more, up to MOST. */
const [FEW, MOST] = [16, 1024];

/**
 * Groups of rows that are almost the same: of unit length, which the rows must have. The largest group comes first,
 * and in a group the rows in their order. A row with more than 1024 near ones is linked to the nearest of them.
 *
 * @throws ArgumentError for a threshold that is no cosine; what the search throws.
 * @example
 * const rows = rowsInMemory(await clip.encodeImage(photos));
 * using search = await ExactSearch.open(rows);
 * console.log(await nearDuplicates(search, rows)); // [[3, 17, 18], [5, 9]]
 */
export async function nearDuplicates(
  search: ExactSearch,
  rows: RowSource,
  { threshold = 0.95, onProgress = () => {}, signal }: NearDuplicateOptions = {},
): Promise<number[][]> {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new ArgumentError(`threshold is ${threshold}, expected a cosine above 0 and up to 1`);
  }
  const links = new Links(rows.count);
  const { channels } = rows;
  for (let first = 0; first < rows.count; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows.count - first);
    const data = decodeRows(await rows.read(first, count, signal), channels);
    const near = async (some: readonly number[], k: number) => {
      const queries = new Float32Array(some.length * channels);
      for (const [i, row] of some.entries())
        queries.set(data.subarray(row * channels, (row + 1) * channels), i * channels);
      const best = await search.search(
        { data: queries, shape: [some.length, channels] },
        { k, ...(signal && { signal }) },
      );
      return best.map((neighbours) => neighbours.filter(({ score }) => score >= threshold));
    };
    const neighboursOf = await near(
      Array.from({ length: count }, (_, row) => row),
      FEW,
    );
    const crowded = [...neighboursOf.keys()].filter((row) => neighboursOf[row]?.length === FEW);
    for (const [i, more] of (await near(crowded, MOST)).entries()) neighboursOf[crowded[i] as number] = more;
    for (const [row, neighbours] of neighboursOf.entries())
      for (const { index } of neighbours) links.add(first + row, index);
    onProgress(first + count, rows.count);
  }
  return links.groups();
}

/** Which rows are linked (union-find): a row leads to another of its group, and the first one to itself. */
class Links {
  readonly #leads: Uint32Array;

  constructor(count: number) {
    this.#leads = Uint32Array.from({ length: count }, (_, row) => row);
  }

  add(a: number, b: number): void {
    const [first, second] = [this.#firstOf(a), this.#firstOf(b)];
    this.#leads[Math.max(first, second)] = Math.min(first, second);
  }

  /** Groups of two and more. */
  groups(): number[][] {
    const byFirst = new Map<number, number[]>();
    for (const row of this.#leads.keys()) {
      const first = this.#firstOf(row);
      const group = byFirst.get(first);
      if (group) group.push(row);
      else byFirst.set(first, [row]);
    }
    return [...byFirst.values()].filter(({ length }) => length > 1).sort((a, b) => b.length - a.length);
  }

  #firstOf(row: number): number {
    let at = row;
    while (this.#leads[at] !== at) {
      const next = this.#leads[at] as number;
      this.#leads[at] = this.#leads[next] as number; // shorter for the next time
      at = next;
    }
    return at;
  }
}
