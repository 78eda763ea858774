// Files on disk, for Node and Deno. Browsers never load this module: it is imported dynamically.
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ArgumentError, InvalidFileError, NotFoundError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { type ByteSource, streamRange } from "./bytes.ts";
import type { FileSource } from "./source.ts";

/** A folder as a source; undefined when nothing of that name exists. */
export async function findFolder(path: string | URL): Promise<FileSource | undefined> {
  const folder = isA(path, "URL") ? fileURLToPath(path) : path;
  const stats = await stat(folder).catch((error: NodeJS.ErrnoException) => absent(folder, error));
  if (!stats) return undefined;
  if (!stats.isDirectory()) {
    throw new ArgumentError(`${folder} is a file: give the folder that holds it together with config.json`);
  }
  return { name: folder, open: (file) => openDiskFile(join(folder, file), file), list: () => listFolder(folder) };
}

/** Paths of the files in a folder and in the folders right below it, which is as deep as models lie. */
async function listFolder(folder: string, depth = 2): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.name.startsWith(".")) continue;
    if (!entry.isDirectory()) paths.push(entry.name);
    else if (depth > 0) {
      paths.push(...(await listFolder(join(folder, entry.name), depth - 1)).map((path) => `${entry.name}/${path}`));
    }
  }
  return paths.sort();
}

/** Opens a file for random access; undefined when it is not there. */
export async function openDiskFile(path: string | URL, name?: string): Promise<ByteSource | undefined> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => absent(path, error));
  if (!handle) return undefined;
  const { size, isFile } = await handle.stat().then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
  if (!isFile) {
    await handle.close();
    throw new InvalidFileError(`${path} is a folder, expected a file`);
  }
  return diskFile(name ?? String(path), size, handle);
}

function diskFile(name: string, size: number, handle: FileHandle): ByteSource {
  let open = true;
  const file: ByteSource = {
    name,
    size,
    read: async (start, end, signal) => {
      signal?.throwIfAborted();
      return readFully(name, handle, start, end);
    },
    stream: (start, end, signal) => streamRange(file, start, end, signal),
    close: async () => {
      if (open) await handle.close();
      open = false;
    },
  };
  return file;
}

async function readFully(name: string, handle: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  let at = 0;
  while (at < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, at, bytes.byteLength - at, start + at);
    if (bytesRead === 0)
      throw new InvalidFileError(`${name} became shorter while it was read: it ends at ${start + at}`);
    at += bytesRead;
  }
  return bytes;
}

function absent(path: string | URL, error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw new NotFoundError(`${path} cannot be read (${error.code ?? error.message}): check its permissions`, {
    cause: error,
  });
}
