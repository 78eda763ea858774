// The pictures of a command: found in a folder, decoded a few at a time, embedded in batches.
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Clip } from "../api/clip.ts";
import { NotFoundError, VisionError } from "../device/errors.ts";
import { loadImage, type RgbaImage } from "../io/image.ts";

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

// As many as the model takes in one run.
const BATCH = 8;

/**
 * The pictures in a folder and the folders in it, by name; links to folders and names that begin with a dot are left
 * out.
 */
export async function findPictures(folder: string, signal?: AbortSignal): Promise<PictureFile[]> {
  const found: PictureFile[] = [];
  for (const entry of await listFolder(folder)) {
    signal?.throwIfAborted();
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await findPictures(path, signal)));
    if (!EXTENSIONS.includes(extname(entry.name).toLowerCase())) continue;
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile()) found.push({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  return found;
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

/** Embeds pictures in their order. One that cannot be read gives a failure in its place, and the others go on. */
export async function* embedPictures(
  clip: Clip,
  paths: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<EmbeddedPicture> {
  // The next ones are decoded while the GPU is at work.
  let next = loadBatch(paths.slice(0, BATCH), signal);
  for (let at = 0; at < paths.length; at += BATCH) {
    const batch = await next;
    next = loadBatch(paths.slice(at + BATCH, at + 2 * BATCH), signal);
    signal?.throwIfAborted();
    yield* embedBatch(clip, batch, signal);
  }
}

export type LoadedPicture = { readonly path: string; readonly image: RgbaImage } | PictureFailure;

function loadBatch(paths: readonly string[], signal?: AbortSignal): Promise<LoadedPicture[]> {
  return Promise.all(paths.map((path) => loadPicture(path, signal)));
}

/** Never rejects: nobody may be waiting when a command is cancelled. */
export async function loadPicture(path: string, signal?: AbortSignal): Promise<LoadedPicture> {
  try {
    return { path, image: await loadImage(path, signal) };
  } catch (error) {
    return { path, message: messageOf(error) };
  }
}

async function* embedBatch(
  clip: Clip,
  batch: readonly LoadedPicture[],
  signal?: AbortSignal,
): AsyncGenerator<EmbeddedPicture> {
  const images = batch.flatMap((picture) => ("image" in picture ? [{ ...picture.image, channels: 4 as const }] : []));
  const { data, shape } = images.length
    ? await clip.encodeImage(images, { signal })
    : { data: new Float32Array(), shape: [] };
  const size = shape[1] ?? 0;
  let row = 0;
  for (const picture of batch) {
    if (!("image" in picture)) yield picture;
    else yield { path: picture.path, embedding: data.slice(row * size, ++row * size) };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof VisionError) return error.message.replace(/^\[image\] /, "");
  return error instanceof Error ? error.message : String(error);
}
