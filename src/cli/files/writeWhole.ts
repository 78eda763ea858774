// Writing files so that nobody ever reads half of one.
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VisionError } from "../../device/errors.ts";
import { isAlive } from "./processes.ts";

/**
 * Writes beside the path and renames: what is at the path is the old file or the whole new one, at any moment, also
 * after the machine lost its power. What a program left there that was killed while it wrote the same file goes.
 */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, content, { flush: true });
    await rename(partial, path);
    await sweep(path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {});
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new VisionError(`${path} cannot be written (${code ?? message})`, { cause });
  }
}

/** The same, in a folder that is made when it is not there. */
export async function writeWholeInFolder(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, content);
}

/** Removes beginnings of this file by programs that are no more. */
async function sweep(path: string): Promise<void> {
  const folder = dirname(path);
  const names: string[] = await readdir(folder).catch(() => []); // who may write there may not list it
  for (const name of names) {
    const [, pid] =
      (name.startsWith(basename(path)) && /^\.(\d+)\.partial$/.exec(name.slice(basename(path).length))) || [];
    if (pid === undefined || (await isAlive(Number(pid)))) continue;
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}
