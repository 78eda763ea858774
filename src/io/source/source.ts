// What a model's files look like to the rest of the engine, wherever they are.
import type { ByteSource } from "./bytes.ts";

/** Options of everything that loads a model. */
export interface SourceOptions {
  /** Cancels opening, downloads and reads: they reject with the signal's reason. */
  signal?: AbortSignal;
  /** Bytes of a file that have come over the network so far. */
  onProgress?: (progress: { file: string; loaded: number; total: number }) => void;
  /** Branch, tag or commit on the Hub, "main" by default, or "refs/pr/N"; "owner/name@revision" says the same. */
  revision?: string;
  /** Folder of the repository, folder or URL that holds the model's files: "image_encoder", "models/image_encoder". */
  subfolder?: string;
  /**
   * Which weights, where a model has several: "fp16" reads model.fp16.safetensors, or the shards of the index of that
   * variant.
   */
  variant?: string;
  /**
   * Hub files are kept on disk (browser: in Cache Storage). false: not at all; a string: in this folder (Node, Deno);
   * true: in browsers, the files of a URL's folder are kept too.
   */
  cache?: boolean | string;
}

/** The files of one model. */
export interface Source {
  /** Folder, URL or Hub id, for messages. */
  readonly name: string;
  /** Opens a file; undefined when there is none of that name. Other failures throw typed errors. */
  open(file: string): Promise<ByteSource | undefined>;
  /** A parsed JSON file; undefined when absent, InvalidFileError when it is not JSON. */
  json(file: string): Promise<unknown>;
  /** Paths of the files there, or of those that tell what kind of model it is; absent where nothing can be listed. */
  list?(): Promise<readonly string[]>;
  /** The Hub bot's conversion of a repository's weights to safetensors, if there is one; absent elsewhere. */
  conversion?(): Promise<Source | undefined>;
  /** Number of another pull request that holds safetensors; absent outside the Hub. */
  pullRequest?(): Promise<number | undefined>;
}

/**
 * Files that the caller holds: the parsed config.json, the bytes of model.safetensors, and optional parsed JSON files.
 */
export interface SourceBytes {
  /** The parsed config.json. */
  config: object;
  /** model.safetensors. */
  weights: ArrayBuffer | Uint8Array | Blob;
  /** The parsed tokenizer.json, for CLIP's texts. */
  tokenizer?: object;
  /** The parsed preprocessor_config.json. */
  preprocessor?: object;
  /** The parsed processor_config.json, which transformers 5 writes in place of that. */
  processor?: object;
}

/** A folder, a URL of a folder, a Hub id, the files of a folder as a browser gives them, or bytes. */
export type SourceLike = string | URL | readonly File[] | SourceBytes;

/** A source before it can parse JSON. */
export interface FileSource extends Omit<Source, "json" | "conversion"> {
  /** As a source's. */
  conversion?(): Promise<FileSource | undefined>;
}

/** A file of a model. */
export interface ModelFile {
  /** "model.safetensors" */
  readonly name: string;
  /** Its length. */
  readonly bytes: number;
}
