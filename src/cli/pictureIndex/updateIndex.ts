// An incremental run: pictures that are new or changed are embedded, those that were moved or copied are known by what
// is in them, and those that are gone go from the index. Rows are written as they come: a run that is killed loses the
// last few, and the next one goes on.
import { readFile } from "node:fs/promises";
import { sep } from "node:path";
import type { Clip } from "../../api/clip.ts";
import type { EncodeStep } from "../../pictures/pictureRuns.ts";
import { failureOf, type PictureFailure, type PictureFile } from "../files/pictures.ts";
import type { IndexRow, IndexTable, KnownRow, PictureFacts } from "./indexTable.ts";
import { pictureFacts } from "./pictureFacts.ts";

/** Rows in a commit, unless more time goes by than this before there are so many. */
const ROWS_PER_COMMIT = 256;
const MS_PER_COMMIT = 5000;

export interface UpdateOptions {
  readonly files: readonly PictureFile[];
  /** Folders of which all pictures are among the files: rows of others in them are of pictures that are gone. */
  readonly folders: readonly string[];
  readonly batch: number | undefined;
  readonly signal: AbortSignal;
  /** Told of the time that was spent on pictures. */
  readonly onStep: (step: EncodeStep) => void;
  /** Told of each picture: one that was done, or why it was not. */
  readonly onPicture: (failure?: PictureFailure) => void;
}

/** What a run did. */
export interface UpdateCounts {
  /** Pictures that went through the model. */
  embedded: number;
  /** Pictures that were moved or copied: their rows were made of others'. */
  known: number;
  /** Pictures that are as they were. */
  unchanged: number;
  /** Rows of pictures that are gone. */
  removed: number;
}

/** A picture that has been looked at. */
interface Looked {
  readonly file: PictureFile;
  readonly facts: PictureFacts;
}

export async function updateIndex(clip: Clip, table: IndexTable, options: UpdateOptions): Promise<UpdateCounts> {
  const rows = await table.known();
  const counts: UpdateCounts = { embedded: 0, known: 0, unchanged: 0, removed: 0 };
  const writer = new RowWriter(table, rows, counts);
  const changed: PictureFile[] = [];
  for (const file of options.files) {
    if (isUnchanged(file, rows.get(file.path))) counts.unchanged++;
    else changed.push(file);
  }
  const hashes = new Set(Array.from(rows.values(), ({ hash }) => hash));
  const { batch, signal, onPicture, onStep } = options;
  // Pictures in the stream by their place in it. What it is not given is written without the model.
  const streamed = new Map<number, Looked>();
  let count = 0;
  const fail = (file: PictureFile, error: unknown) => onPicture(failureOf(file.path, error));
  const source = async function* () {
    for (const file of changed) {
      signal.throwIfAborted();
      const bytes = await readFile(file.path).catch((error) => void fail(file, error));
      if (!bytes) continue;
      const looked = { file, facts: await pictureFacts(bytes, file) };
      if (hashes.has(looked.facts.hash)) {
        writer.addKnown(looked);
        onPicture();
        continue;
      }
      streamed.set(count++, looked);
      yield bytes;
    }
  };
  const take = (index: number) => {
    const looked = streamed.get(index) as Looked;
    streamed.delete(index);
    return looked;
  };
  const onError = (error: unknown, { index }: { index: number }) => fail(take(index).file, error);
  const stream = clip.encodeImages(source(), {
    signal,
    onError,
    onStep,
    ...(batch !== undefined && { batchSize: batch }),
  });
  try {
    for await (const { index, embedding } of stream) {
      const { file, facts } = take(index);
      await writer.add({ path: file.path, ...facts, vector: embedding });
      counts.embedded++;
      onPicture();
    }
  } finally {
    await writer.flush(); // a run that is cancelled keeps what it has
  }
  await removeGone(table, rows, options, counts);
  return counts;
}

function isUnchanged({ size, mtimeMs }: PictureFile, row: KnownRow | undefined): boolean {
  return row !== undefined && row.bytes === size && row.modified === mtimeMs;
}

async function removeGone(
  table: IndexTable,
  rows: ReadonlyMap<string, KnownRow>,
  { files, folders }: UpdateOptions,
  counts: UpdateCounts,
): Promise<void> {
  const there = new Set(files.map(({ path }) => path));
  const isWithin = (path: string) =>
    folders.some((folder) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
  const gone = [...rows.keys()].filter((path) => !there.has(path) && isWithin(path));
  for (let at = 0; at < gone.length; at += ROWS_PER_COMMIT) await table.remove(gone.slice(at, at + ROWS_PER_COMMIT));
  counts.removed = gone.length;
}

/** Gathers rows and writes many at once. */
class RowWriter {
  readonly #table: IndexTable;
  readonly #rows: ReadonlyMap<string, KnownRow>;
  readonly #counts: UpdateCounts;
  #waiting: IndexRow[] = [];
  #known: Looked[] = [];
  #writtenAt = performance.now();

  constructor(table: IndexTable, rows: ReadonlyMap<string, KnownRow>, counts: UpdateCounts) {
    this.#table = table;
    this.#rows = rows;
    this.#counts = counts;
  }

  async add(row: IndexRow): Promise<void> {
    this.#waiting.push(row);
    const isLate = performance.now() - this.#writtenAt > MS_PER_COMMIT;
    if (isLate || this.#waiting.length >= ROWS_PER_COMMIT) await this.flush();
  }

  /** Adds a picture whose like has a row. */
  addKnown(looked: Looked): void {
    this.#known.push(looked);
  }

  async flush(): Promise<void> {
    await this.#write(this.#waiting.splice(0));
    while (this.#known.length > 0) {
      const some = this.#known.splice(0, ROWS_PER_COMMIT);
      const vectors = await this.#table.vectors(some.map(({ facts }) => facts.hash));
      const rows = some.map(({ file, facts }) => {
        return { path: file.path, ...facts, vector: vectors.get(facts.hash) as Float32Array };
      });
      await this.#write(rows);
      this.#counts.known += rows.length;
    }
    this.#writtenAt = performance.now();
  }

  async #write(rows: readonly IndexRow[]): Promise<void> {
    await this.#table.add(rows.filter(({ path }) => !this.#rows.has(path)));
    await this.#table.replace(rows.filter(({ path }) => this.#rows.has(path)));
  }
}
