// The pictures of a command: found in a folder, embedded in batches while the next ones are decoded.
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { NotFoundError, VisionError } from "../../device/errors.ts";
import { loadImage, type RgbaImage } from "../../io/image/image.ts";
import type { EncodeImagesOptions } from "../../pictures/encodeOptions.ts";

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

/** Embeds pictures in their order. One that cannot be read gives a failure in its place, and the others go on. */
export async function* embedPictures(
  clip: Clip,
  paths: readonly string[],
  options: BatchOptions,
): AsyncGenerator<EmbeddedPicture> {
  const failures: PictureFailure[] = [];
  for await (const { index, embedding } of clip.encodeImages(paths, streamOptions(options, failures))) {
    yield* failures.splice(0);
    yield { path: paths[index] as string, embedding };
  }
  yield* failures;
}

/** Options of `encodeImages`, which puts pictures that cannot be read into `failures` before the result after them. */
export function streamOptions({ signal, batch }: BatchOptions, failures: PictureFailure[]): EncodeImagesOptions {
  return {
    signal,
    ...(batch !== undefined && { batchSize: batch }),
    onError: (error, { image }) => failures.push({ path: image as string, message: messageOf(error) }),
  };
}

export type LoadedPicture = { readonly path: string; readonly image: RgbaImage } | PictureFailure;

/** Never rejects: nobody may be waiting when a command is cancelled. */
export async function loadPicture(path: string, signal?: AbortSignal): Promise<LoadedPicture> {
  try {
    return { path, image: await loadImage(path, signal) };
  } catch (error) {
    return { path, message: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof VisionError) return error.message.replace(/^\[image\] /, "");
  return error instanceof Error ? error.message : String(error);
}
