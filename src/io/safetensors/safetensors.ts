// Reading checkpoints: one safetensors file, or an index that says which shard holds which tensor. Opening takes the
// headers only; a tensor's bytes are streamed when asked for, straight from the file, server or Blob that holds them,
// so a checkpoint of any size costs no memory here.
import { ArgumentError, InvalidFileError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { type ByteSource, blobFile, bytesFile } from "../source/bytes.ts";
import { openFile } from "../source/openSource.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { type Checkpoint, INDEX, OPEN_CLIP, SINGLE, type StoredTensor } from "./checkpoint.ts";
import { headerLength, LENGTH_BYTES, parseHeader, type TensorEntry } from "./header.ts";

export type { StoredDType } from "./dtypes.ts";
export { type TensorData, writeSafetensors } from "./writeSafetensors.ts";

/** What `readSafetensors` reads: bytes, a Blob, a path (Node, Deno), an http(s) or file URL, or an open file. */
export type SafetensorsLike = Uint8Array | ArrayBuffer | Blob | string | URL | ByteSource;

const MAGIC_BYTES = 64; // enough to name a file of another format

/**
 * Opens one safetensors file and checks its header.
 *
 * @throws InvalidFileError when the file is cut off, hostile or of another format; NotFoundError; NetworkError.
 * @example
 * const file = await readSafetensors("model.safetensors");
 * for (const [name, tensor] of file.tensors) console.log(name, tensor.dtype, tensor.shape);
 * await file.close();
 */
export async function readSafetensors(from: SafetensorsLike, options: SourceOptions = {}): Promise<Checkpoint> {
  options.signal?.throwIfAborted();
  const file = await toFile(from, options);
  return readFile(file, file.name, options.signal);
}

/** Reads the header of an open file, which from here on belongs to the checkpoint. `label` names it in messages. */
async function readFile(file: ByteSource, label: string, signal?: AbortSignal): Promise<Checkpoint> {
  try {
    const first = await file.read(0, Math.min(LENGTH_BYTES, file.size), signal);
    const length = headerLength(first, file.size);
    if (length === undefined) {
      const { notSafetensors } = await import("./otherFormat.ts");
      throw notSafetensors(label, await file.read(0, Math.min(MAGIC_BYTES, file.size), signal), file.size);
    }
    const start = LENGTH_BYTES + length;
    const header = parseHeader(label, await file.read(LENGTH_BYTES, start, signal), file.size - start);
    const tensors = header.tensors.map((entry) => storedTensor(file, entry, start, signal));
    return {
      name: label,
      tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
      metadata: header.metadata,
      close: async () => file.close?.(),
    };
  } catch (error) {
    await file.close?.();
    throw error;
  }
}

async function toFile(from: SafetensorsLike, options: SourceOptions): Promise<ByteSource> {
  if (typeof from === "string" || isA(from, "URL")) return openFile(from, options);
  if (isA(from, "Uint8Array", "ArrayBuffer")) return bytesFile("safetensors bytes", from);
  if (isA(from, "Blob", "File")) return blobFile(isA(from, "File") ? from.name : "safetensors Blob", from);
  if (typeof from?.read === "function" && typeof from.size === "number") return from;
  throw new ArgumentError(
    "[readSafetensors] expected bytes (Uint8Array, ArrayBuffer, Blob), a path, a URL or an open file",
  );
}

function storedTensor(file: ByteSource, entry: TensorEntry, start: number, opened?: AbortSignal): StoredTensor {
  const { name, dtype, shape } = entry;
  const begin = start + entry.begin;
  const end = start + entry.end;
  const stream = (signal?: AbortSignal) => file.stream(begin, end, signal ?? opened);
  const read = async (signal?: AbortSignal) => {
    const bytes = new Uint8Array(end - begin);
    let at = 0;
    for await (const chunk of stream(signal)) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    if (at !== bytes.byteLength) throw new InvalidFileError(`${file.name} ended within tensor "${name}"`);
    return bytes;
  };
  return { name, dtype, shape, byteLength: end - begin, stream, read };
}

/**
 * Opens a model's weights: model.safetensors, or model.safetensors.index.json with its shards, or
 * open_clip_model.safetensors, in that order; or before them the file `preferred`, where it is there. Of a repository
 * on the Hub that has none of them, the conversion by the Hub's own bot is taken, and the console told.
 *
 * @throws NotFoundError when the source has none of them or lacks a shard; InvalidFileError; NetworkError.
 */
export async function openCheckpoint(
  source: Source,
  { signal }: SourceOptions = {},
  preferred?: string,
): Promise<Checkpoint> {
  const open = async (name: string) => {
    const file = await source.open(name);
    return file && readFile(file, `${name} of ${source.name}`, signal);
  };
  const single = (preferred && (await open(preferred))) || (await open(SINGLE));
  if (single) return single;
  const index = await source.json(INDEX);
  if (index !== undefined) {
    const { openShards } = await import("./shards.ts");
    return openShards(source, index, open);
  }
  const openClip = await open(OPEN_CLIP);
  if (openClip) return openClip;
  const { convertedSource } = await import("./noWeights.ts");
  return openCheckpoint(await convertedSource(source), { signal });
}
