// The Hub cache on disk, for Node and Deno: the folder and layout of Python's huggingface_hub, so that a model that
// either of them has downloaded is there for both.
//   models--owner--name/refs/main            the commit that "main" was when last asked
//   models--owner--name/snapshots/<commit>/  one link per file into blobs/
//   models--owner--name/blobs/<etag>         the files
//   models--owner--name/.no_exist/<commit>/  empty files: the Hub said that the commit has no such file
//   models--owner--name/.files/<commit>      names of all files of the commit (Python has no such list)
//   models--owner--name/.tmp/                small files and links until they are whole (Python has no such folder)
// What the cache holds is used without asking the Hub. All files of a model come from one commit. The list is written
// before the first of them: a file that it names and the snapshot lacks was never downloaded to its end, which is told
// where the Hub cannot be asked, as a model without its settings would give wrong numbers.

import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { NetworkError, NotFoundError } from "../../device/errors.ts";
import type { ByteSource } from "./bytes.ts";
import { openDiskFile } from "./disk.ts";
import { hubLabel, openRemote } from "./hub.ts";
import { askHub, COMMIT, type Listing, type Seen } from "./hubAnswer.ts";
import { keepBlob, pointTo } from "./hubBlobs.ts";
import { expandPath, hubCacheFolder, hubEndpoint, offlineBy, readToken } from "./hubEnvironment.ts";
import type { HubRepo } from "./hubId.ts";
import { fileNames } from "./hubListing.ts";
import { inOneStep, sweep } from "./hubSteps.ts";
import type { FileSource, SourceOptions } from "./source.ts";
import { whereMissing } from "./whereMissing.ts";

/** The files of a Hub repository, kept in the cache folder unless `cache` is false. */
export async function openHubOnDisk(
  name: Pick<HubRepo, "id" | "revision">,
  options: SourceOptions,
): Promise<FileSource> {
  const repo: HubRepo = { ...name, endpoint: hubEndpoint(), token: await readToken() };
  const label = hubLabel(repo);
  const reopen = (revision: string) => openHubOnDisk({ ...name, revision }, options);
  const others = offlineBy() ? {} : whereMissing(repo, options, reopen);
  if (options.cache === false) return { name: label, open: (file) => openRemote(repo, file, options), ...others };
  const root = typeof options.cache === "string" ? expandPath(options.cache) : hubCacheFolder();
  const cache = new HubCache(join(root, getRepoFolderName({ type: "model", name: repo.id })), repo, options);
  return { name: label, open: (file) => cache.open(file), ...others };
}

class HubCache {
  readonly #folder: string;
  readonly #repo: HubRepo;
  readonly #options: SourceOptions;
  #commit: string | undefined;
  #isListKept = false;
  /** Of what programs left here that were killed: once before anything is read. */
  #swept: Promise<void> | undefined;

  constructor(folder: string, repo: HubRepo, options: SourceOptions) {
    this.#folder = folder;
    this.#repo = repo;
    this.#options = options;
  }

  async open(file: string): Promise<ByteSource | undefined> {
    this.#options.signal?.throwIfAborted();
    this.#swept ??= sweep(this.#folder);
    await this.#swept;
    this.#commit ??= await this.#knownCommit();
    if (this.#commit) {
      const held = await openDiskFile(this.#snapshot(this.#commit, file), file);
      if (held) {
        this.#options.onProgress?.({ file, loaded: held.size, total: held.size });
        return held;
      }
      if (await exists(join(this.#folder, ".no_exist", this.#commit, file))) return undefined;
      if ((await this.#isListed(this.#commit, file)) === false) return undefined;
    }
    const offline = offlineBy();
    if (offline) return this.#missOffline(file, offline);
    const pinned = { ...this.#repo, revision: this.#commit ?? this.#repo.revision };
    const listing = await this.#ask(pinned, file);
    if (listing === "absent") return undefined;
    // Without commit or etag (a mirror that hides headers) there is no place for it in the cache.
    if (listing === "unlisted") return openRemote(pinned, file, this.#options);
    return this.#keep({ ...pinned, revision: listing.commit }, file, listing);
  }

  async #ask(pinned: HubRepo, file: string): Promise<Listing | "absent" | "unlisted"> {
    const seen: Seen = {};
    try {
      const listing = await askHub(pinned, file, seen, this.#options.signal);
      if (seen.commit) await this.#remember(seen.commit, listing === "absent" ? file : undefined);
      return listing;
    } catch (error) {
      const down = error instanceof NetworkError && error.cause !== undefined;
      if (down && this.#commit && (await this.#mayLack(this.#commit, file))) return "absent";
      throw error;
    }
  }

  async #knownCommit(): Promise<string | undefined> {
    const { revision } = this.#repo;
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => "");
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  /**
   * Notes which commit the revision is, and that it lacks a file. This only saves requests: it does not matter when
   * the folder cannot be written.
   */
  async #remember(commit: string, absentFile?: string): Promise<void> {
    const { revision } = this.#repo;
    if (this.#commit === undefined && revision !== commit) await this.#note(join("refs", revision), commit);
    if (absentFile) await this.#note(join(".no_exist", commit, absentFile), "");
    this.#commit ??= commit;
  }

  #snapshot(commit: string, file = ""): string {
    return join(this.#folder, "snapshots", commit, file);
  }

  /** Whether the commit has a file of that name; undefined where no list was kept. */
  async #isListed(commit: string, file: string): Promise<boolean | undefined> {
    const names = await readFile(this.#list(commit), "utf8").catch(() => undefined);
    return names?.split("\n").includes(file);
  }

  #list(commit: string): string {
    return join(this.#folder, ".files", commit);
  }

  /**
   * Whether a file that the snapshot lacks is an optional one, as far as can be told without the Hub: one that is not
   * listed, or, where there is no list, any, once there are weights (some program downloaded what it wanted).
   */
  async #mayLack(commit: string, file: string): Promise<boolean> {
    if (await this.#isListed(commit, file)) return false;
    const files = await readdir(this.#snapshot(commit)).catch(() => []);
    return files.some((name) => name.endsWith(".safetensors"));
  }

  async #missOffline(file: string, variable: string): Promise<undefined> {
    if (this.#commit && (await exists(this.#snapshot(this.#commit)))) {
      if (!(await this.#isListed(this.#commit, file))) return undefined;
    }
    throw new NotFoundError(
      `${file} of ${hubLabel(this.#repo)} is not in ${this.#folder}, and ${variable} forbids a download: unset it`,
    );
  }

  async #keep(repo: HubRepo, file: string, listing: Listing): Promise<ByteSource | undefined> {
    const blob = join(this.#folder, "blobs", listing.etag);
    const pointer = this.#snapshot(listing.commit, file);
    try {
      await this.#writeList(repo, listing.commit, file);
      await keepBlob(repo, file, listing, blob, this.#options);
      await pointTo(this.#folder, blob, pointer);
      await sweep(this.#folder);
    } catch (error) {
      if (!isOfDisk(error)) throw error;
      console.warn(`webgpu-vision: ${this.#folder} cannot be written (${error.code}), so ${file} is not kept`);
      return openRemote(repo, file, this.#options);
    }
    return openDiskFile(pointer, file);
  }

  /**
   * Keeps the names of the commit's files, where the server tells them: a mirror may not, or not all of them. `file` is
   * one that it has.
   */
  async #writeList(repo: HubRepo, commit: string, file: string): Promise<void> {
    if (this.#isListKept || (await exists(this.#list(commit)))) return;
    this.#isListKept = true; // or cannot be: it is tried once
    const names = await fileNames(repo, this.#options);
    if (names?.includes(file)) await this.#note(join(".files", commit), names.join("\n"));
  }

  /** Keeps a small file, whole: half a list would be a wrong one. It only saves requests, and need not be kept. */
  async #note(path: string, text: string): Promise<void> {
    const write = (fresh: string) => writeFile(fresh, text);
    await inOneStep(this.#folder, join(this.#folder, path), write).catch(() => undefined);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether an error is the file system's: Node gives those a code, and the call that failed. */
function isOfDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}
