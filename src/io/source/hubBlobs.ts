// The files of the Hub cache as they come to the disk: under their own name only when they are whole and what the Hub
// said they are, whatever happens meanwhile, and however many programs download them at once.
import { createHash, type Hash } from "node:crypto";
import { copyFile, mkdir, open, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { NetworkError, NotFoundError } from "../../device/errors.ts";
import { hubLabel, openRemote } from "./hub.ts";
import type { Listing } from "./hubAnswer.ts";
import type { HubRepo } from "./hubId.ts";
import { inOneStep, partialOf } from "./hubSteps.ts";
import type { SourceOptions } from "./source.ts";

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
  const partial = partialOf(blob);
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

/** A relative link, so that the cache folder can be moved; a copy where links are not allowed (Windows). */
export async function pointTo(repoFolder: string, blob: string, pointer: string): Promise<void> {
  const target = relative(dirname(pointer), blob);
  await inOneStep(repoFolder, pointer, (fresh) => symlink(target, fresh).catch(() => copyFile(blob, fresh)));
}
