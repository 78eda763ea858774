// One program writes an index at a time. What a killed one leaves is known by its process, which is gone.
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { VisionError } from "../../device/errors.ts";
import { isAlive } from "../files/processes.ts";

const NAME = "writer.lock";

/**
 * Takes the right to write; the function that it gives hands it back.
 *
 * @throws VisionError where another program writes.
 */
export async function lockForWriting(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, NAME);
  // Written first and linked then, so that nobody finds a lock that does not say whose it is.
  const own = `${path}.${process.pid}`;
  try {
    await writeFile(own, JSON.stringify({ pid: process.pid, host: hostname() }));
    while (!(await isLinked(own, path))) await removeStale(folder, path, `${own}.stale`);
  } catch (cause) {
    if (cause instanceof VisionError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new VisionError(`${folder} cannot be written (${code ?? message})`, { cause });
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(path, { force: true });
}

/** Gives a file a second name; false where that is another file's already. */
async function isLinked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes the lock of a process that is gone. */
async function removeStale(folder: string, path: string, moved: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return; // handed back meanwhile
  const { pid, host } = JSON.parse(text);
  if (host !== hostname() || (await isAlive(pid))) {
    const who = `process ${pid} on ${host}`;
    throw new VisionError(`${who} writes to ${folder}: wait for it, or delete ${path} if it is gone`);
  }
  await rename(path, moved);
  // Where another program was faster, this is its own new lock: it gets that back.
  if ((await readFile(moved, "utf8")) !== text) await link(moved, path);
  await rm(moved);
}
