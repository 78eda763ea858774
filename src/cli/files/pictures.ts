// The pictures of a command: found in a folder, embedded in batches while the next ones are decoded.
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { ImageError, LimitError, NetworkError, NotFoundError, VisionError } from "../../device/errors.ts";
import { loadImage, type RgbaImage } from "../../io/image/image.ts";
import type { EncodeImagesOptions } from "../../pictures/encodeOptions.ts";
import { named } from "../../pictures/named.ts";

/** A picture on the disk; size and time of change tell whether it is the same as at an earlier look. */
export interface PictureFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

export interface PictureFailure {
  readonly path: string;
  readonly message: string;
}

export type EmbeddedPicture = { readonly path: string; readonly embedding: Float32Array } | PictureFailure;

/** Suffixes of pictures that are read. */
export const EXTENSIONS: readonly string[] = (
  ".jpg .jpeg .jpe .jfif .png .webp .avif .gif .tif .tiff .svg " +
  ".bmp .dib .ppm .pgm .pbm .pnm .tga .ico .jp2 .j2k .heic .heif"
).split(" ");

/** Suffixes of pictures that are not read: cameras' raw files, and formats of other programs. */
const UNREAD: readonly string[] = (
  ".arw .cr2 .cr3 .dng .nef .orf .raf .raw .rw2 " + ".jxl .jxr .psd .xcf .exr .hdr .dds .eps .pdf .pcx .pfm .pam .icns"
).split(" ");

/** What a folder holds. */
export interface FoundPictures {
  readonly pictures: readonly PictureFile[];
  /** Paths of pictures of formats that are not read. */
  readonly leftOut: readonly string[];
}

/**
 * The pictures in a folder and the folders in it, by name; links to folders and names that begin with a dot are left
 * out.
 */
export async function findPictures(folder: string, signal?: AbortSignal): Promise<FoundPictures> {
  const pictures: PictureFile[] = [];
  const leftOut: string[] = [];
  for (const entry of await listFolder(folder)) {
    signal?.throwIfAborted();
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const below = await findPictures(path, signal);
      pictures.push(...below.pictures);
      leftOut.push(...below.leftOut);
      continue;
    }
    const suffix = extname(entry.name).toLowerCase();
    if (UNREAD.includes(suffix)) leftOut.push(path);
    if (!EXTENSIONS.includes(suffix)) continue;
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile()) pictures.push({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  return { pictures, leftOut };
}

/** One line on pictures that are left out; undefined where none is. */
export function leftOutNote(leftOut: readonly string[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const suffixes = [...new Set(leftOut.map((path) => extname(path).toLowerCase()))].sort();
  const files = leftOut.length === 1 ? `${leftOut[0]} is` : `${leftOut.length} pictures (${suffixes.join(", ")}) are`;
  return `warning: ${files} left out, as no decoder here reads them: convert them to JPEG or PNG`;
}

async function listFolder(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === "ENOTDIR" ? "is a file, expected a folder of pictures" : "cannot be read";
    const reason = cause.code === "ENOENT" ? "does not exist: check the path" : `${what} (${cause.code})`;
    throw new NotFoundError(`the folder ${folder} ${reason}`, { cause });
  });
  const shown = entries.filter(({ name }) => !name.startsWith("."));
  return shown.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** How a command wants its pictures done. */
export interface BatchOptions {
  readonly signal: AbortSignal;
  /** Pictures in one run of the model; the model's own choice when absent. */
  readonly batch?: number | undefined;
}

/** A picture by the name that people know it by, and what is decoded. */
export interface NamedImage {
  readonly path: string;
  readonly image: string | Uint8Array;
}

/** Embeds pictures in their order. One that cannot be read gives a failure in its place, and the others go on. */
export async function* embedPictures(
  clip: Clip,
  inputs: readonly NamedImage[],
  options: BatchOptions,
): AsyncGenerator<EmbeddedPicture> {
  const failures: PictureFailure[] = [];
  const images = inputs.map(({ image }) => image);
  for await (const { index, embedding } of clip.encodeImages(images, streamOptions(inputs, options, failures))) {
    yield* failures.splice(0);
    yield { path: inputs[index]?.path ?? "", embedding };
  }
  yield* failures;
}

/** Options of `encodeImages`, which puts pictures that cannot be read into `failures` before the result after them. */
export function streamOptions(
  inputs: readonly NamedImage[],
  { signal, batch }: BatchOptions,
  failures: PictureFailure[],
): EncodeImagesOptions {
  return {
    signal,
    ...(batch !== undefined && { batchSize: batch }),
    onError: (error, { index }) => failures.push(failureOf(inputs[index]?.path ?? "", error)),
  };
}

export type LoadedPicture = { readonly path: string; readonly image: RgbaImage } | PictureFailure;

/** Never rejects: nobody may be waiting when a command is cancelled. */
export async function loadPicture({ path, image }: NamedImage, signal?: AbortSignal): Promise<LoadedPicture> {
  try {
    return { path, image: await loadImage(image, signal) };
  } catch (error) {
    return failureOf(path, error);
  }
}

/** What a picture from the standard input is called. */
export const STDIN = "stdin";

/** Why a picture could not be done; the message names it. */
export function failureOf(path: string, error: unknown): PictureFailure {
  const message = messageOf(named(error, path));
  return { path, message: path === STDIN ? `${STDIN}: ${message}` : message };
}

/** What is wrong with one picture, which leaves the others as they are. */
export function isOfPicture(error: unknown): boolean {
  return [ImageError, LimitError, NotFoundError, NetworkError].some((kind) => error instanceof kind);
}

export function messageOf(error: unknown): string {
  if (error instanceof VisionError) return error.message.replace(/^\[image\] /, "");
  return error instanceof Error ? error.message : String(error);
}
