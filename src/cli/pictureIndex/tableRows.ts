// The vectors of an index's table as rows to be searched on the GPU: those of one version, in their order.
import type { Table } from "@lancedb/lancedb";
import type { RowBlock, RowSource } from "../../search/rowSource.ts";
import { type FoundFacts, factsOf } from "./foundRow.ts";

export class TableRows implements RowSource {
  readonly count: number;
  readonly channels: number;
  readonly dtype = "f32";
  /** By which LanceDB finds rows again: of each one that was read. */
  readonly #ids: BigUint64Array;
  readonly #table: Table;
  readonly #where: string | undefined;

  private constructor(table: Table, where: string | undefined, count: number, channels: number) {
    this.#table = table;
    this.#where = where;
    this.count = count;
    this.channels = channels;
    this.#ids = new BigUint64Array(count);
  }

  /** Of a table that stays at one version; `where` is a condition in SQL. */
  static async of(table: Table, where?: string): Promise<TableRows> {
    const vector = (await table.schema()).fields.find(({ name }) => name === "vector");
    return new TableRows(table, where, await table.countRows(where), vector?.type.listSize);
  }

  async read(first: number, count: number, signal?: AbortSignal): Promise<RowBlock> {
    let query = this.#table.query().select(["vector"]).withRowId().offset(first).limit(count);
    if (this.#where !== undefined) query = query.where(this.#where);
    const rows = new Float32Array(count * this.channels);
    let at = 0;
    for await (const batch of query) {
      signal?.throwIfAborted();
      const vectors = batch.getChild("vector")?.data[0];
      const numbers = vectors?.children[0];
      if (!vectors || !numbers) throw new TypeError("a batch of rows has no vectors");
      const start = numbers.offset + vectors.offset * this.channels;
      rows.set(numbers.values.subarray(start, start + batch.numRows * this.channels), at * this.channels);
      const ids = batch.getChild("_rowid");
      for (let i = 0; i < batch.numRows; i++) this.#ids[first + at + i] = ids?.get(i);
      at += batch.numRows;
    }
    if (at !== count) throw new TypeError(`the table gave ${at} rows from ${first} on, expected ${count}`);
    return { rows };
  }

  /** What is known of rows that were read. */
  async facts(rows: readonly number[]): Promise<FoundFacts[]> {
    if (rows.length === 0) return [];
    const ids = rows.map((row) => this.#ids[row] as bigint);
    const records = await this.#table
      .takeRowIds([...new Set(ids)])
      .select(["path", "width", "height", "taken"])
      .withRowId()
      .toArray();
    const byId = new Map(records.map((row) => [row._rowid as bigint, factsOf(row)]));
    return ids.map((id) => byId.get(id) as FoundFacts);
  }
}
