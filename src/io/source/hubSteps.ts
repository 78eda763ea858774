// Small files and links of the Hub cache, which come in one step: whoever reads at the same time finds what was there
// before or the whole new one. Until then they are in a folder of their own, which Python's huggingface_hub does not
// look into: beside its refs it would take them for branches.
import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

const FOLDER = ".tmp";
/** Milliseconds after which nobody is at work any more on what did not change meanwhile: who made it was killed. */
const ABANDONED_MS = 3_600_000;

/** Makes what is to be at `path`, below the cache's folder of a repository, and puts it there. */
export async function inOneStep(
  repoFolder: string,
  path: string,
  make: (fresh: string) => Promise<void>,
): Promise<void> {
  const fresh = join(repoFolder, FOLDER, randomUUID());
  await mkdir(dirname(fresh), { recursive: true });
  await mkdir(dirname(path), { recursive: true });
  try {
    await make(fresh);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** What a download is called until it is whole; the end of it as in huggingface_hub, which passes over such files. */
export function partialOf(blob: string): string {
  return `${blob}.${randomUUID().slice(0, 8)}.incomplete`;
}

const PARTIAL = /\.[0-9a-f]{8}\.incomplete$/;

/** Removes what programs left that were killed: steps, and downloads of what is there by now or that nobody does. */
export async function sweep(repoFolder: string): Promise<void> {
  const steps = join(repoFolder, FOLDER);
  for (const name of await readdir(steps).catch(() => [])) {
    if (await isAbandoned(join(steps, name))) await remove(join(steps, name));
  }
  const blobs = join(repoFolder, "blobs");
  const names: string[] = await readdir(blobs).catch(() => []);
  for (const name of names) {
    if (!PARTIAL.test(name)) continue;
    const isNeeded = !names.includes(name.replace(PARTIAL, "")) && !(await isAbandoned(join(blobs, name)));
    if (!isNeeded) await remove(join(blobs, name));
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS;
}

/** Where the folder may be written to. */
async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}
