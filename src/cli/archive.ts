// Unpacks the brotli-compressed archives of @sparticuz/chromium into the user's cache folder, once a version.
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";

/**
 * The folder that holds the unpacked archive. A file that another process is unpacking is never seen half written: the
 * folder gets its name when it is complete.
 *
 * @param entry path of the package's entry, `build/index.js`
 * @param archive name in the package's `bin`: a `.tar.br`, or a single file as `.br`
 * @param files names to keep; all when absent
 */
export async function unpackArchive(entry: string, archive: string, files?: readonly string[]): Promise<string> {
  const root = join(dirname(entry), "..");
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const stem = basename(archive).replace(/(\.tar)?\.br$/, "");
  const folder = join(cacheFolder(), `${stem}-${version}`);
  if (existsSync(folder)) return folder;
  const content = await promisify(brotliDecompress)(await readFile(join(root, "bin", archive)));
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  const entries = archive.endsWith(".tar.br") ? readTar(content) : [{ name: stem, content }];
  for (const { name, content } of entries) {
    if (files && !files.includes(basename(name))) continue;
    const path = join(unfinished, files ? basename(name) : name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, 0o755);
  }
  await rename(unfinished, folder).catch(async (error) => {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(folder)) throw error;
  });
  return folder;
}

/** `webgpu-vision` in the folder where this user's programs keep what they can make again. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "webgpu-vision");
}

const BLOCK = 512;

/** The regular files of a tar archive. */
function* readTar(bytes: Buffer): Generator<{ name: string; content: Buffer }> {
  const text = (start: number, length: number) => bytes.toString("utf8", start, start + length).replace(/\0.*$/s, "");
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    const prefix = text(at + 345, 155);
    if (type === "0" || type === "") yield { name: join(prefix, text(at, 100)), content };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
