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

export const EXTENSIONS: readonly string[] = [".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff"];

/**
 * The pictures in a folder and the folders in it, by name; links to folders and names that begin with a dot are left
 * out.
 */
export async function findPictures(folder: string, signal?: AbortSignal): Promise<PictureFile[]> {
  const pictures: PictureFile[] = [];
  for (const entry of await listFolder(folder)) {
    signal?.throwIfAborted();
    const path = join(folder, entry.name);
    if (entry.isDirectory()) pictures.push(...(await findPictures(path, signal)));
    if (!EXTENSIONS.includes(extname(entry.name).toLowerCase())) continue;
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile()) pictures.push({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  return pictures;
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
