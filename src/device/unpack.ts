// Unpacks the brotli-compressed archives of @sparticuz/chromium into the user's cache folder, once a version.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { cacheFolder } from "./userCache.ts";

/** What to unpack. */
export interface Unpacking {
  /** Path of the package's entry, `build/index.js`. */
  readonly entry: string;
  /** Name of the folder; the package's version follows it. */
  readonly name: string;
  /** Files in the package's `bin`: tar archives as `.tar.br`, single files as `.br`. */
  readonly archives: readonly string[];
  /** Paths inside the archives to keep; all when absent. */
  readonly files?: readonly string[];
}

/**
 * The folder that holds what was unpacked. It gets its name when it is complete, so that no process meets a part of it.
 */
export async function unpack({ entry, name, archives, files }: Unpacking): Promise<string> {
  const root = join(dirname(entry), "..");
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const folder = join(cacheFolder(), `${name}-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  for (const archive of archives) {
    for (const { path, content } of await readArchive(join(root, "bin", archive))) {
      if (files && !files.includes(path)) continue;
      await mkdir(dirname(join(unfinished, path)), { recursive: true });
      await writeFile(join(unfinished, path), content, { mode: 0o755 });
    }
  }
  await rename(unfinished, folder).catch(async (error) => {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(folder)) throw error;
  });
  return folder;
}

/** A file of an archive. */
interface Entry {
  readonly path: string;
  readonly content: Buffer;
}

async function readArchive(path: string): Promise<Entry[]> {
  const content = await promisify(brotliDecompress)(await readFile(path));
  return path.endsWith(".tar.br") ? [...readTar(content)] : [{ path: basename(path, ".br"), content }];
}

const BLOCK = 512;

/** The regular files of a tar archive. */
function* readTar(bytes: Buffer): Generator<Entry> {
  const text = (start: number, length: number) => bytes.toString("utf8", start, start + length).replace(/\0.*$/s, "");
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    const prefix = text(at + 345, 155);
    if (type === "0" || type === "") yield { path: join(prefix, text(at, 100)), content };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
