// The table of an index on the disk: a row for each picture, in LanceDB's files. A row is there or it is not: what a
// program writes comes with one commit, whenever it is killed.
import type { Table } from "@lancedb/lancedb";
import { InvalidFileError, NotFoundError, VisionError } from "../../device/errors.ts";
import { type FoundRow, factsOf } from "./foundRow.ts";
import { TableRows } from "./tableRows.ts";

/** What the model of a table is: rows of another one cannot be compared with these. */
export interface IndexModel {
  /** What --model says. */
  readonly model: string;
  readonly revision: string;
  readonly subfolder: string;
  readonly variant: string;
  readonly dtype: string;
  /** A hash of the checkpoint's settings and of samples of its weights. */
  readonly identity: string;
}

/** What is known of a picture without a model. */
export interface PictureFacts {
  /** SHA-256 of the file. */
  readonly hash: string;
  readonly bytes: number;
  /** When the file was changed, in ms since 1970. */
  readonly modified: number;
  readonly width: number | null;
  readonly height: number | null;
  /** When the picture was taken, by its EXIF. */
  readonly taken: Date | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
}

/** A row. */
export interface IndexRow extends PictureFacts {
  /** The whole path of the file; with a box and a mask, of an object in it. */
  readonly path: string;
  readonly vector: Float32Array;
}

/** What an incremental run compares with the files. */
export type KnownRow = Pick<IndexRow, "path" | "hash" | "bytes" | "modified">;

export interface SearchOptions {
  /** How many rows, and how many of the best are passed over first. */
  readonly top: number;
  readonly offset: number;
  /** A condition in SQL. */
  readonly where?: string | undefined;
  /** Look at all rows, even where there is an index of neighbours. */
  readonly isExact: boolean;
}

/** Of the layout of rows; a program that knows another one says so. */
const FORMAT = "1";

export class IndexTable {
  readonly model: IndexModel;
  readonly #folder: string;
  readonly #table: Table;

  private constructor(folder: string, table: Table, model: IndexModel) {
    this.#folder = folder;
    this.#table = table;
    this.model = model;
  }

  /** The tables of an index, one for each model; none where there is no index. */
  static async all(folder: string): Promise<IndexTable[]> {
    const { lancedb } = await loadPackages();
    const database = await lancedb.connect(folder);
    const tables: IndexTable[] = [];
    for (const name of await database.tableNames()) {
      const table = await database.openTable(name).catch((cause) => {
        throw new InvalidFileError(`${folder}: the table ${name} cannot be opened: ${messageOf(cause)}`, { cause });
      });
      const stated = Object.fromEntries((await table.schema()).metadata) as Record<string, string>;
      if (stated.format !== FORMAT) {
        const came = stated.format === undefined ? "is no index of pictures" : `is an index of format ${stated.format}`;
        throw new InvalidFileError(`${folder}: ${name} ${came}, expected format ${FORMAT}: make it anew elsewhere`);
      }
      tables.push(new IndexTable(folder, table, stated as unknown as IndexModel));
    }
    return tables;
  }

  /** The table of a model, made where it is not there. */
  static async open(folder: string, model: IndexModel, dimensions: number): Promise<IndexTable> {
    const tables = await IndexTable.all(folder);
    const known = tables.find((table) => table.model.identity === model.identity && table.model.dtype === model.dtype);
    if (known) return known;
    const { lancedb } = await loadPackages();
    const database = await lancedb.connect(folder);
    const name = `pictures-${model.identity.slice(0, 12)}-${model.dtype}`;
    const table = await writing(folder, async () => database.createEmptyTable(name, await schemaOf(model, dimensions)));
    return new IndexTable(folder, table, model);
  }

  /** Sees what was written since it was opened. */
  async refresh(): Promise<void> {
    await this.#table.checkoutLatest();
  }

  count(where?: string): Promise<number> {
    return this.#table.countRows(where);
  }

  /** All rows, as far as files are compared with them. */
  async known(): Promise<Map<string, KnownRow>> {
    const rows = new Map<string, KnownRow>();
    const columns = ["path", "hash", "bytes", "modified"] as const;
    for await (const batch of this.#table.query().select([...columns])) {
      const [paths, hashes, bytes, modified] = columns.map((name) => batch.getChild(name));
      for (let i = 0; i < batch.numRows; i++) {
        const path = paths?.get(i);
        rows.set(path, { path, hash: hashes?.get(i), bytes: bytes?.get(i), modified: modified?.get(i) });
      }
    }
    return rows;
  }

  /** Vectors by the hash of their picture. */
  async vectors(hashes: readonly string[]): Promise<Map<string, Float32Array>> {
    const vectors = new Map<string, Float32Array>();
    if (hashes.length === 0) return vectors;
    const rows = await this.#table
      .query()
      .where(`hash IN (${hashes.map(quoted).join(", ")})`)
      .select(["hash", "vector"])
      .toArray();
    for (const { hash, vector } of rows) vectors.set(hash, Float32Array.from(vector));
    return vectors;
  }

  /** Adds rows of pictures that have none. */
  async add(rows: readonly IndexRow[]): Promise<void> {
    if (rows.length > 0) await writing(this.#table.name, () => this.#table.add(rows.map(stored)));
  }

  /** Puts rows in the place of those of the same paths, in one commit. */
  async replace(rows: readonly IndexRow[]): Promise<void> {
    if (rows.length === 0) return;
    await writing(this.#table.name, () =>
      this.#table.mergeInsert("path").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows.map(stored)),
    );
  }

  async remove(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    await writing(this.#table.name, () => this.#table.delete(`path IN (${paths.map(quoted).join(", ")})`));
  }

  /** Makes few large files of many small ones. */
  async optimize(): Promise<void> {
    await writing(this.#table.name, () => this.#table.optimize({ cleanupOlderThan: new Date() }));
  }

  /** Makes an index of neighbours, which looks at a part of the rows. */
  async makeNeighbours(): Promise<void> {
    const { lancedb } = await loadPackages();
    const config = lancedb.Index.ivfFlat({ distanceType: "cosine" });
    await writing(this.#table.name, () => this.#table.createIndex("vector", { config, replace: true }));
  }

  /** Whether there is one. */
  async hasNeighbours(): Promise<boolean> {
    return (await this.#table.listIndices()).length > 0;
  }

  /** The rows whose vectors are nearest to one, best first. */
  async search(vector: Float32Array, { top, offset, where, isExact }: SearchOptions): Promise<FoundRow[]> {
    let query = this.#table.query().nearestTo(vector).column("vector").distanceType("cosine").limit(top).offset(offset);
    if (isExact) query = query.bypassVectorIndex();
    if (where !== undefined) query = query.where(where);
    const rows = await query.select(["path", "width", "height", "taken", "_distance"]).toArray();
    return rows.map((row) => ({ ...factsOf(row), score: 1 - row._distance }));
  }

  /** The rows as they are now, to be searched on the GPU; `where` is a condition in SQL. */
  async rows(where?: string): Promise<TableRows> {
    const { lancedb } = await loadPackages();
    const table = await (await lancedb.connect(this.#folder)).openTable(this.#table.name);
    await table.checkout(await table.version());
    return TableRows.of(table, where);
  }

  /** Some of the vectors, to try searches with. */
  async sample(count: number): Promise<Float32Array[]> {
    const rows = await this.#table.query().select(["vector"]).limit(count).toArray();
    return rows.map(({ vector }) => Float32Array.from(vector));
  }
}

/** Objects in pictures have a box and a mask; whole pictures have none. */
function stored(row: IndexRow): Record<string, unknown> {
  return { ...row, taken: row.taken?.getTime() ?? null, box: null, mask: null };
}

/** The columns of a table, and in the schema's metadata what its rows are of. */
export async function schemaOf(model: IndexModel, dimensions: number) {
  const { arrow } = await loadPackages();
  const { Field, Float32, Float64, Int32, Utf8, List, FixedSizeList, TimestampMillisecond, Schema } = arrow;
  const number = new Field("item", new Float32(), true);
  const fields = [
    new Field("path", new Utf8(), false),
    new Field("hash", new Utf8(), false),
    new Field("bytes", new Float64(), false),
    new Field("modified", new Float64(), false),
    new Field("width", new Int32(), true),
    new Field("height", new Int32(), true),
    new Field("taken", new TimestampMillisecond(), true),
    new Field("latitude", new Float64(), true),
    new Field("longitude", new Float64(), true),
    // Of an object in the picture: edges in pixels, and COCO's run lengths.
    new Field("box", new List(number), true),
    new Field("mask", new Utf8(), true),
    new Field("vector", new FixedSizeList(dimensions, number), false),
  ];
  return new Schema(fields, new Map(Object.entries({ format: FORMAT, ...model })));
}

/** A failure to write as an error of ours: what was committed before it is whole. */
async function writing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const hint = "what was written before is whole: run it again when that is mended";
    throw new VisionError(`the index cannot be written (${what}): ${messageOf(cause)}; ${hint}`, { cause });
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The first line of what LanceDB says, without the places in its source. */
export function messageOf(cause: unknown): string {
  const [line = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
  return line.split("  Caused by")[0]?.replace(/, \S+\.rs:\d+(:\d+)?/g, "") ?? "";
}

/** The packages that only an index needs. */
export async function loadPackages() {
  process.env.LANCEDB_LOG ??= "error"; // it tells of every table that it makes
  try {
    const [lancedb, arrow] = await Promise.all([import("@lancedb/lancedb"), import("apache-arrow")]);
    return { lancedb, arrow };
  } catch (cause) {
    const packages = "@lancedb/lancedb apache-arrow exif-reader";
    throw new NotFoundError(`an index needs packages that are not installed here: npm install ${packages}`, { cause });
  }
}
