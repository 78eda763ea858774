// The embeddings of photos by one model, as rows to be searched: those that are kept in this browser, and after them
// those that are not written yet.
import { decodeRows, encodeRows, type RowBlock, type RowSource, StoredRows } from "../../../src/search.ts";

const DTYPE = "f16";

/** Where a model's rows are kept: the embeddings, and the photo of each. */
interface Kept {
  readonly rows: StoredRows;
  readonly ids: StoredRows;
}

export class PhotoRows implements RowSource {
  readonly channels: number;
  readonly dtype = DTYPE;
  readonly #kept: Kept | undefined;
  /** The photo of each row, and the row of each photo. */
  readonly #ids: number[] = [];
  readonly #rowOf = new Map<number, number>();
  /** Rows that are not written yet. */
  #fresh: Uint16Array[] = [];
  #turn: Promise<void> = Promise.resolve();

  private constructor(channels: number, kept: Kept | undefined) {
    this.channels = channels;
    this.#kept = kept;
  }

  /** Those that a folder of the browser's keeps; without one they last as long as the page. */
  static async open(channels: number, folder?: FileSystemDirectoryHandle): Promise<PhotoRows> {
    if (!folder) return new PhotoRows(channels, undefined);
    const of = (name: string) => folder.getDirectoryHandle(name, { create: true });
    const rows = await StoredRows.open(await of("rows"), { channels, dtype: DTYPE });
    const ids = await StoredRows.open(await of("ids"), { channels: 1, dtype: "f32" });
    if (rows.count !== ids.count) {
      // The page ended between the two: the photos are embedded again.
      for (const name of ["rows", "ids"]) await folder.removeEntry(name, { recursive: true });
      return PhotoRows.open(channels, folder);
    }
    const opened = new PhotoRows(channels, { rows, ids });
    for (const id of (await ids.read(0, ids.count)).rows) opened.#number(id);
    return opened;
  }

  get count(): number {
    return this.#ids.length;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return (this.#kept?.rows.bytes ?? 0) + (this.#kept?.ids.bytes ?? 0);
  }

  idOf(row: number): number | undefined {
    return this.#ids[row];
  }

  has(id: number): boolean {
    return this.#rowOf.has(id);
  }

  /** Adds the embedding of a photo that has none. */
  add(id: number, embedding: Float32Array): void {
    const { rows } = encodeRows({ data: embedding, shape: [1, this.channels] }, DTYPE);
    this.#fresh.push(rows as Uint16Array);
    this.#number(id);
  }

  /** Writes what is not written yet. */
  flush(): Promise<void> {
    const writing = this.#turn.then(() => this.#write());
    this.#turn = writing.catch(() => {});
    return writing;
  }

  async read(first: number, count: number, signal?: AbortSignal): Promise<RowBlock> {
    const fresh = this.#fresh;
    const written = this.count - fresh.length;
    const kept = Math.max(0, Math.min(count, written - first));
    const rows = new Uint16Array(count * this.channels);
    if (kept > 0 && this.#kept) rows.set((await this.#kept.rows.read(first, kept, signal)).rows);
    for (let row = kept; row < count; row++) {
      rows.set(fresh[first + row - written] as Uint16Array, row * this.channels);
    }
    return { rows };
  }

  #number(id: number): void {
    this.#rowOf.set(id, this.#ids.length);
    this.#ids.push(id);
  }

  async #write(): Promise<void> {
    const fresh = this.#fresh;
    if (!this.#kept || fresh.length === 0) return;
    const rows = new Uint16Array(fresh.length * this.channels);
    for (const [i, row] of fresh.entries()) rows.set(row, i * this.channels);
    const ids = Float32Array.from(this.#ids.slice(this.count - fresh.length));
    const count = fresh.length;
    await this.#kept.ids.append({ rows: ids.subarray(0, count) });
    await this.#kept.rows.append({ rows });
    this.#fresh = this.#fresh.slice(count); // and not what came meanwhile
  }

  /** The embedding of a photo. */
  async embedding(id: number): Promise<Float32Array | undefined> {
    const row = this.#rowOf.get(id);
    if (row === undefined) return undefined;
    return decodeRows(await this.read(row, 1), this.channels);
  }
}
