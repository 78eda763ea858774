// Rows kept in a folder of the File System API: a browser's own (OPFS, `navigator.storage.getDirectory()`), which
// survives the visit. Each append is a file of its own, which is there as a whole or not at all, whenever a page ends.
import { ArgumentError, InvalidFileError } from "../device/errors.ts";
import { BYTES, type HostArray } from "../device/tensor.ts";
import type { RowBlock, RowSource, RowType } from "./rowSource.ts";

/** Options of `StoredRows.open`: what the rows are, which must be what they were. */
export interface StoredRowsOptions {
  /** Elements of each row. */
  readonly channels: number;
  /** How they are stored. */
  readonly dtype: RowType;
}

/** A file with some rows: those of i8 with their factors after them. */
interface Segment {
  readonly first: number;
  readonly count: number;
  readonly file: File;
}

const FORMAT = "rows.json";
const ARRAYS = { f32: Float32Array, f16: Uint16Array, i8: Int8Array } as const;

/** Rows that stay in a folder, to be searched by `ExactSearch` as they are. */
export class StoredRows implements RowSource {
  readonly channels: number;
  readonly dtype: RowType;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #segments: Segment[] = [];
  /** The end of the append that was begun last: each begins where the one before it ended. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(folder: FileSystemDirectoryHandle, { channels, dtype }: StoredRowsOptions) {
    this.#folder = folder;
    this.channels = channels;
    this.dtype = dtype;
  }

  /**
   * Opens the rows of a folder, none at first. One page at a time may append: take a lock (`navigator.locks`) where
   * there may be several.
   *
   * @throws ArgumentError for rows of no length; InvalidFileError where the folder has rows of another length or type.
   * @example
   * const root = await navigator.storage.getDirectory();
   * const folder = await root.getDirectoryHandle("photos", { create: true });
   * const rows = await StoredRows.open(folder, { channels: 512, dtype: "f16" });
   * await rows.append(encodeRows(await clip.encodeImage(photos), "f16"));
   * using search = await ExactSearch.open(rows);
   */
  static async open(folder: FileSystemDirectoryHandle, options: StoredRowsOptions): Promise<StoredRows> {
    const { channels, dtype } = options;
    if (!Number.isInteger(channels) || channels < 1 || !(dtype in ARRAYS)) {
      throw new ArgumentError(`rows of ${channels} elements of ${dtype}: expected 1 and more of f32, f16 or i8`);
    }
    const stored = new StoredRows(folder, options);
    await stored.#checkFormat();
    await stored.#findSegments();
    return stored;
  }

  /** Rows. */
  get count(): number {
    const last = this.#segments.at(-1);
    return last ? last.first + last.count : 0;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#segments.reduce((sum, { file }) => sum + file.size, 0);
  }

  /** Adds rows, which are there when it resolves; gives the number of the first. Add many at once: each is a file. */
  append(block: RowBlock): Promise<number> {
    const appending = this.#turn.then(() => this.#append(block));
    this.#turn = appending.catch(() => {});
    return appending;
  }

  async read(first: number, count: number, signal?: AbortSignal): Promise<RowBlock> {
    const rows = new ARRAYS[this.dtype](count * this.channels);
    const scale = this.dtype === "i8" ? new Float32Array(count) : undefined;
    const rowBytes = this.channels * BYTES[this.dtype];
    for (const segment of this.#segments) {
      signal?.throwIfAborted();
      const from = Math.max(first, segment.first);
      const to = Math.min(first + count, segment.first + segment.count);
      if (from >= to) continue;
      const [start, end] = [from - segment.first, to - segment.first];
      const bytes = await segment.file.slice(start * rowBytes, end * rowBytes).arrayBuffer();
      rows.set(new ARRAYS[this.dtype](bytes), (from - first) * this.channels);
      if (!scale) continue;
      const factors = segment.count * rowBytes;
      const part = segment.file.slice(factors + start * BYTES.f32, factors + end * BYTES.f32);
      scale.set(new Float32Array(await part.arrayBuffer()), from - first);
    }
    return { rows, ...(scale && { scale }) };
  }

  async #append({ rows, scale }: RowBlock): Promise<number> {
    const count = rows.length / this.channels;
    const isWhole = Number.isInteger(count) && rows.constructor === ARRAYS[this.dtype];
    if (!isWhole || scale?.length !== (this.dtype === "i8" ? count : undefined)) {
      throw new ArgumentError(`these are no rows of ${this.channels} elements of ${this.dtype}: encodeRows makes them`);
    }
    const first = this.count;
    if (count === 0) return first;
    const handle = await this.#folder.getFileHandle(nameOf(first), { create: true });
    await write(handle, [rows, ...(scale ? [scale] : [])]);
    this.#segments.push({ first, count, file: await handle.getFile() });
    return first;
  }

  async #checkFormat(): Promise<void> {
    const { channels, dtype } = this;
    const expected = JSON.stringify({ version: 1, channels, dtype });
    const handle = await this.#folder.getFileHandle(FORMAT, { create: true });
    const text = await (await handle.getFile()).text();
    if (text === "") return write(handle, [expected]);
    if (text !== expected)
      throw new InvalidFileError(`${this.#folder.name}/${FORMAT} is ${text}, expected ${expected}`);
  }

  /** The files that follow on each other. Others are of a page that ended while it wrote. */
  async #findSegments(): Promise<void> {
    const rowBytes = this.channels * BYTES[this.dtype] + (this.dtype === "i8" ? BYTES.f32 : 0);
    for (;;) {
      const first = this.count;
      const handle = await this.#folder.getFileHandle(nameOf(first)).catch(() => undefined);
      const file = await handle?.getFile();
      if (!file || file.size === 0) return;
      if (file.size % rowBytes !== 0) {
        throw new InvalidFileError(`${this.#folder.name}/${file.name} has ${file.size} bytes, no whole rows`);
      }
      this.#segments.push({ first, count: file.size / rowBytes, file });
    }
  }
}

/** A segment is called after its first row. */
function nameOf(first: number): string {
  return `${String(first).padStart(10, "0")}.rows`;
}

/** Writes a file; what was there before stays until all is written. */
async function write(handle: FileSystemFileHandle, parts: readonly (HostArray | string)[]): Promise<void> {
  const writable = await handle.createWritable();
  try {
    for (const part of parts) await writable.write(part as FileSystemWriteChunkType);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => {});
    throw error;
  }
}
