// ByteSource: one file with random access, whatever holds it (memory, a Blob, a disk, a server). A source only has to
// read a range; streams are cut from reads here, so that every kind of source gives chunks of the same size.
import { InvalidFileError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";

/** One file with random access. It is read in ranges and never held whole in the JavaScript heap. */
export interface ByteSource {
  /** File name for messages: "model.safetensors". */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Bytes [start, end). The array may be a view into the source: do not write to it. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** The same range in order; every chunk but the last is exactly CHUNK_BYTES long. */
  stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Closes the file handle or connection. Safe to call twice. */
  close?(): Promise<void>;
}

/**
 * 1 MiB: large enough for few calls a tensor, a multiple of the 4 bytes GPU uploads need, small enough for the heap.
 */
export const CHUNK_BYTES = 1024 * 1024;

/** Longer JSON is not read: twice the largest tokenizer.json that is known. */
export const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Node and Deno read folders and keep a Hub cache on disk; the modules for it are loaded only there. */
export const HAS_DISK = typeof process !== "undefined" && typeof process.versions?.node === "string";

/** Cuts [start, end) of a source into chunks, reading one at a time. */
export async function* streamRange(
  source: Pick<ByteSource, "read">,
  start: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += CHUNK_BYTES) {
    signal?.throwIfAborted();
    yield await source.read(at, Math.min(at + CHUNK_BYTES, end), signal);
  }
}

/** A file in memory: reads are views, nothing is copied. */
export function bytesFile(name: string, data: Uint8Array | ArrayBuffer): ByteSource {
  const bytes = isA(data, "Uint8Array") ? data : new Uint8Array(data);
  const file: ByteSource = {
    name,
    size: bytes.byteLength,
    read: async (start, end) => bytes.subarray(start, end),
    stream: (start, end, signal) => streamRange(file, start, end, signal),
  };
  return file;
}

/** A Blob or File: the browser may keep it on disk, and only the range asked for enters the heap. */
export function blobFile(name: string, blob: Blob): ByteSource {
  const file: ByteSource = {
    name,
    size: blob.size,
    read: async (start, end) => {
      const buffer = await blob
        .slice(start, end)
        .arrayBuffer()
        .catch((cause) => {
          throw new InvalidFileError(`${name} can no longer be read: choose the file again`, { cause });
        });
      return new Uint8Array(buffer);
    },
    stream: (start, end, signal) => streamRange(file, start, end, signal),
  };
  return file;
}
