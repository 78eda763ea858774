// Writing files so that nobody ever reads half of one.
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { VisionError } from "../../device/errors.ts";

/** Writes beside the path and renames: what is at the path is the old file or the whole new one, at any moment. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, content);
    await rename(partial, path);
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
