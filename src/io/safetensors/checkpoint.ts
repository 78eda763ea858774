// What an open checkpoint is, in one file or several.
import type { StoredDType } from "./dtypes.ts";

/** One tensor of a checkpoint, not read yet. */
export interface StoredTensor {
  /** As the file spells it. */
  readonly name: string;
  /** Type as the file has it: F32, F16, BF16 … */
  readonly dtype: StoredDType;
  /** Length of each axis. */
  readonly shape: readonly number[];
  /** Bytes in the file. */
  readonly byteLength: number;
  /**
   * Raw little-endian bytes in order. Every chunk but the last is 1 MiB. Reading tensors in the order of
   * `Checkpoint.tensors` is the order of the file: over HTTP it takes a single request.
   */
  stream(signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The whole tensor in a new array of its own, for small ones. */
  read(signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** An open checkpoint: one safetensors file, or several shards. */
export interface Checkpoint {
  /** Where it came from, for messages. */
  readonly name: string;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The header's __metadata__. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Closes file handles and connections. */
  close(): Promise<void>;
}

/** Names under which a file of weights is looked for. */
export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";
export const OPEN_CLIP = "open_clip_model.safetensors";
