// Blocks of pictures for `worker --stdio`, as tables of Arrow: paths in, rows of an index out.
import { readFile, stat } from "node:fs/promises";
import type { Table } from "apache-arrow";
import type { Clip } from "../../api/clip.ts";
import { InvalidFileError } from "../../device/errors.ts";
import { failureOf } from "../files/pictures.ts";
import { type IndexModel, type IndexRow, loadPackages, schemaOf } from "./indexTable.ts";
import { pictureFacts } from "./pictureFacts.ts";

/** A picture of a block. */
interface Asked {
  readonly path: string;
  /** The file, where the worker does not read it itself. */
  readonly bytes: Uint8Array | undefined;
  /** When it was changed, in ms since 1970, where its bytes come with it. */
  readonly modified: number;
}

export interface Block {
  /** What the client calls it; its answer is called so too. */
  readonly id: string;
  readonly pictures: readonly Asked[];
}

/** A picture's row, or why there is none. */
type Answer = IndexRow | { readonly path: string; readonly error: string };

/** Reads a block. */
export async function readBlock(bytes: Uint8Array): Promise<Block> {
  const { arrow } = await loadPackages();
  let table: Table;
  try {
    table = arrow.tableFromIPC(bytes);
  } catch (cause) {
    throw new InvalidFileError(`a block is no stream of Arrow: ${(cause as Error).message}`, { cause });
  }
  const id = table.schema.metadata.get("block") ?? "";
  const [paths, files, times] = ["path", "bytes", "modified"].map((name) => table.getChild(name));
  if (!paths) throw new InvalidFileError(`the block ${JSON.stringify(id)} has no column "path"`);
  const pictures = Array.from({ length: table.numRows }, (_, i) => {
    return { path: String(paths.get(i)), bytes: files?.get(i) ?? undefined, modified: times?.get(i) ?? 0 };
  });
  return { id, pictures };
}

/** Embeds the pictures of a block; those that cannot be read have an error in place of a vector. */
export async function embedBlock(
  clip: Clip,
  { pictures }: Block,
  options: { readonly batch?: number | undefined; readonly signal: AbortSignal },
): Promise<Answer[]> {
  const { batch, signal } = options;
  const answers: Answer[] = [];
  const placeOf: number[] = []; // in the block, of pictures in the stream
  const facts = new Map<number, Omit<IndexRow, "vector">>();
  const fail = (place: number, error: unknown) => {
    const { path } = pictures[place] as Asked;
    answers[place] = { path, error: failureOf(path, error).message };
  };
  const source = async function* () {
    for (const [place, asked] of pictures.entries()) {
      const file = await fileOf(asked).catch((error) => void fail(place, error));
      if (!file) continue;
      const { path } = asked;
      facts.set(place, { path, ...(await pictureFacts(file.bytes, { path, size: 0, mtimeMs: file.modified })) });
      placeOf.push(place);
      yield file.bytes;
    }
  };
  const onError = (error: unknown, { index }: { index: number }) => fail(placeOf[index] as number, error);
  const stream = clip.encodeImages(source(), { signal, onError, ...(batch !== undefined && { batchSize: batch }) });
  for await (const { index, embedding } of stream) {
    const place = placeOf[index] as number;
    answers[place] = { ...(facts.get(place) as Omit<IndexRow, "vector">), vector: embedding };
  }
  return answers;
}

async function fileOf({ path, bytes, modified }: Asked): Promise<{ bytes: Uint8Array; modified: number }> {
  if (bytes) return { bytes, modified };
  const { mtimeMs } = await stat(path);
  return { bytes: await readFile(path), modified: mtimeMs };
}

/** The answer as a stream of Arrow: the columns of an index, and `error`. */
export async function writeBlock(id: string, answers: readonly Answer[], model: IndexModel, dimensions: number) {
  const { arrow } = await loadPackages();
  const { Field, Schema, Table, Utf8, vectorFromArray } = arrow;
  const columns = await schemaOf(model, dimensions);
  const fields = columns.fields.map(({ name, type }) => new Field(name, type, true));
  const schema = new Schema([...fields, new Field("error", new Utf8(), true)], new Map([["block", id]]));
  const values = Object.fromEntries(
    schema.fields.map(({ name, type }) => {
      return [
        name,
        vectorFromArray(
          answers.map((answer) => cellOf(answer, name)),
          type,
        ),
      ];
    }),
  );
  return arrow.tableToIPC(new Table(schema, values), "stream");
}

function cellOf(answer: Answer, name: string): unknown {
  const value = (answer as unknown as Readonly<Record<string, unknown>>)[name] ?? null;
  return value instanceof Float32Array ? Array.from(value) : value;
}
