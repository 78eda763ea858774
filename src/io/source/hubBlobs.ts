// The files of the Hub cache as they come to the disk: under their own name only when they are whole and what the Hub
// said they are, whatever happens meanwhile, and however many programs download them at once.
import { createHash, type Hash, randomUUID } from "node:crypto";
import { copyFile, mkdir, open, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { NetworkError, NotFoundError } from "../../device/errors.ts";
import { hubLabel, openRemote } from "./hub.ts";
import type { Listing } from "./hubAnswer.ts";
import type { HubRepo } from "./hubId.ts";
import type { SourceOptions } from "./source.ts";

/** What a download is called until it is whole; the end of it as in huggingface_hub, which passes over such files. */
const PARTIAL = /^\.[0-9a-f]{8}\.incomplete$/;

/** Downloads a file to `blob`, unless it is there. What fails or is cancelled is removed. */
export async function keepBlob(
  repo: HubRepo,
  file: string,
  listing: Listing,
  blob: string,
  options: SourceOptions,
): Promise<void> {
  if (await isWhole(blob, listing.size)) return;
  const remote = await openRemote(repo, file, options);
  if (!remote) throw new NotFoundError(`${file} of ${hubLabel(repo)} went away while it was downloaded`);
  const partial = `${blob}.${randomUUID().slice(0, 8)}.incomplete`;
  const fail = (what: string): never => {
    throw new NetworkError(`${file} of ${hubLabel(repo)} should have ${what}: try again`);
  };
  try {
    if (remote.size !== listing.size) fail(`${listing.size} bytes, ${remote.size} are sent`);
    await mkdir(dirname(blob), { recursive: true });
    const sum = checksumOf(listing);
    await writeWhole(partial, remote.stream(0, listing.size, options.signal), sum?.hash);
    const digest = sum?.hash.digest("hex");
    if (digest !== sum?.expected) fail(`the ${sum?.name} ${sum?.expected}, what came has ${digest}`);
    await rename(partial, blob).catch(async (error) => {
      if (!(await isWhole(blob, listing.size))) throw error; // another program was first, and swept this one's away
    });
    await sweep(blob);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await remote.close?.();
  }
}

async function isWhole(blob: string, size: number): Promise<boolean> {
  return stat(blob).then(
    (stats) => stats.size === size,
    () => false,
  );
}

/** The checksum that an etag is: Git LFS names content by SHA-256, git a small file by SHA-1 with a head of its own. */
function checksumOf({ etag, size }: Listing): { name: string; hash: Hash; expected: string } | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return { name: "SHA-256", hash: createHash("sha256"), expected: etag };
  if (!/^[0-9a-f]{40}$/.test(etag)) return undefined;
  return { name: "git hash", hash: createHash("sha1").update(`blob ${size}\0`), expected: etag };
}

/** Writes a new file, and brings it to the disk: a name must not outlive a crash that its content does not. */
async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>, hash: Hash | undefined): Promise<void> {
  const handle = await open(path, "wx");
  try {
    for await (const chunk of chunks) {
      hash?.update(chunk);
      await handle.appendFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what downloads of this file left that were killed: now that it is whole, they are of no use. */
async function sweep(blob: string): Promise<void> {
  const folder = dirname(blob);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(basename(blob)) || !PARTIAL.test(name.slice(basename(blob).length))) continue;
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

/**
 * A relative link, so that the cache folder can be moved; a copy where links are not allowed (Windows). It comes in one
 * step: who reads at the same time finds what was there, or this.
 */
export async function pointTo(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  const link = `${blob}.${randomUUID().slice(0, 8)}.link`;
  try {
    await symlink(relative(dirname(pointer), blob), link).catch(() => copyFile(blob, link));
    await rename(link, pointer);
  } catch (error) {
    await rm(link, { force: true });
    throw error;
  }
}
