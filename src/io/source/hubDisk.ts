// The Hub cache on disk, for Node and Deno: the folder and layout of Python's huggingface_hub, so that a model that
// either of them has downloaded is there for both.
//   models--owner--name/refs/main            the commit that "main" was when last asked
//   models--owner--name/snapshots/<commit>/  one link per file into blobs/
//   models--owner--name/blobs/<etag>         the files
//   models--owner--name/.no_exist/<commit>/  empty files: the Hub said that the commit has no such file
// What the cache holds is used without asking the Hub. All files of a model come from one commit.

import { randomUUID } from "node:crypto";
import { access, copyFile, mkdir, open, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileDownloadInfo, getRepoFolderName } from "@huggingface/hub";
import { NetworkError, NotFoundError, VisionError } from "../../device/errors.ts";
import type { ByteSource } from "./bytes.ts";
import { openDiskFile } from "./disk.ts";
import { reachServer } from "./http.ts";
import { authorization, hubLabel, judgeHub, openRemote } from "./hub.ts";
import { expandPath, hubCacheFolder, hubEndpoint, offlineBy, readToken } from "./hubEnvironment.ts";
import type { HubRepo } from "./hubId.ts";
import type { FileSource, SourceOptions } from "./source.ts";
import { whereMissing } from "./whereMissing.ts";

const COMMIT = /^[0-9a-f]{40}$/;
const BLOB_NAME = /^[\w.+=-]+$/;
const MAX_REDIRECTS = 10;

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

/** What the Hub says of a file. */
interface Listing {
  readonly size: number;
  readonly etag: string;
  readonly commit: string;
}

class HubCache {
  readonly #folder: string;
  readonly #repo: HubRepo;
  readonly #options: SourceOptions;
  #commit: string | undefined;

  constructor(folder: string, repo: HubRepo, options: SourceOptions) {
    this.#folder = folder;
    this.#repo = repo;
    this.#options = options;
  }

  async open(file: string): Promise<ByteSource | undefined> {
    this.#options.signal?.throwIfAborted();
    this.#commit ??= await this.#knownCommit();
    if (this.#commit) {
      const held = await openDiskFile(this.#snapshot(this.#commit, file), file);
      if (held) {
        this.#options.onProgress?.({ file, loaded: held.size, total: held.size });
        return held;
      }
      if (await exists(join(this.#folder, ".no_exist", this.#commit, file))) return undefined;
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
      const listing = await list(pinned, file, seen, this.#options.signal);
      if (seen.commit) await this.#remember(seen.commit, listing === "absent" ? file : undefined);
      return listing;
    } catch (error) {
      // A snapshot that holds weights was downloaded completely by some program: a file that it lacks is optional.
      const down = error instanceof NetworkError && error.cause !== undefined;
      if (down && this.#commit && (await this.#holdsWeights(this.#commit))) return "absent";
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
    if (this.#commit === undefined && revision !== commit) await note(join(this.#folder, "refs", revision), commit);
    if (absentFile) await note(join(this.#folder, ".no_exist", commit, absentFile), "");
    this.#commit ??= commit;
  }

  #snapshot(commit: string, file = ""): string {
    return join(this.#folder, "snapshots", commit, file);
  }

  async #holdsWeights(commit: string): Promise<boolean> {
    const files = await readdir(this.#snapshot(commit)).catch(() => []);
    return files.some((file) => file.endsWith(".safetensors"));
  }

  async #missOffline(file: string, variable: string): Promise<undefined> {
    if (this.#commit && (await exists(this.#snapshot(this.#commit)))) return undefined;
    throw new NotFoundError(
      `${file} of ${hubLabel(this.#repo)} is not in ${this.#folder}, and ${variable} forbids a download: unset it`,
    );
  }

  async #keep(repo: HubRepo, file: string, listing: Listing): Promise<ByteSource | undefined> {
    const blob = join(this.#folder, "blobs", listing.etag);
    const pointer = this.#snapshot(listing.commit, file);
    try {
      if (!(await exists(blob))) await download(repo, file, listing, blob, this.#options);
      await link(blob, pointer);
    } catch (error) {
      if (!cannotWrite(error)) throw error;
      console.warn(`webgpu-vision: ${this.#folder} cannot be written (${error.code}), so ${file} is not kept`);
      return openRemote(repo, file, this.#options);
    }
    return openDiskFile(pointer, file);
  }
}

/** Headers that only the first of several redirected answers carries. */
interface Seen {
  commit?: string;
  etag?: string;
}

/** Asks the Hub for size, etag and commit of a file. */
async function list(
  repo: HubRepo,
  file: string,
  seen: Seen,
  signal?: AbortSignal,
): Promise<Listing | "absent" | "unlisted"> {
  let verdict: Error | "absent" | undefined;
  const info = await fileDownloadInfo({
    repo: { type: "model", name: repo.id },
    path: file,
    revision: repo.revision,
    hubUrl: repo.endpoint,
    fetch: async (input, init) => {
      const response = await follow(repo, new URL(String(input)), init, seen, signal);
      verdict = judgeHub(repo, file, response);
      return response;
    },
  }).catch((error) => {
    if (signal?.aborted) throw signal.reason;
    if (verdict === undefined && error instanceof VisionError) throw error;
    return null; // refused, or without size or etag: the verdict says which
  });
  if (verdict instanceof Error) throw verdict;
  if (verdict === "absent") return "absent";
  const etag = (seen.etag ?? info?.etag ?? "").replace(/^W\//, "").replaceAll('"', "");
  if (!info || !seen.commit || !BLOB_NAME.test(etag)) return "unlisted";
  return { size: info.size, etag, commit: seen.commit };
}

/** fetch that notes the Hub's headers on the way through its redirects, which plain fetch would hide. */
async function follow(
  repo: HubRepo,
  start: URL,
  init: RequestInit | undefined,
  seen: Seen,
  signal?: AbortSignal,
): Promise<Response> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const auth = url.origin === start.origin ? authorization(repo) : {};
    const headers = { ...(init?.headers as Record<string, string>), ...auth };
    const response = await reachServer(url, { ...init, headers, signal, redirect: "manual" });
    const commit = response.headers.get("x-repo-commit") ?? "";
    if (COMMIT.test(commit)) seen.commit ??= commit;
    seen.etag ??= response.headers.get("x-linked-etag") ?? undefined;
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !location) return response;
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new NetworkError(`${start.href} redirects in a circle: check HF_ENDPOINT`);
}

/** Streams a file to `blob`. Until it is complete it has another name, and what fails or is cancelled is removed. */
async function download(
  repo: HubRepo,
  file: string,
  { size }: Listing,
  blob: string,
  options: SourceOptions,
): Promise<void> {
  const remote = await openRemote(repo, file, options);
  if (!remote) throw new NotFoundError(`${file} of ${hubLabel(repo)} went away while it was downloaded`);
  const partial = `${blob}.${randomUUID().slice(0, 8)}.incomplete`;
  try {
    if (remote.size !== size) {
      throw new NetworkError(
        `${file} of ${hubLabel(repo)} should have ${size} bytes, ${remote.size} are sent: try again`,
      );
    }
    await mkdir(dirname(blob), { recursive: true });
    const handle = await open(partial, "wx");
    try {
      for await (const chunk of remote.stream(0, size, options.signal)) await handle.appendFile(chunk);
    } finally {
      await handle.close();
    }
    await rename(partial, blob);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await remote.close?.();
  }
}

/** A relative link, so that the cache folder can be moved; a copy where links are not allowed (Windows). */
async function link(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  await rm(pointer, { force: true });
  try {
    await symlink(relative(dirname(pointer), blob), pointer);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") await copyFile(blob, pointer);
  }
}

async function note(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
    .then(() => writeFile(path, text))
    .catch(() => undefined);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function cannotWrite(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EEXIST"].includes(code);
}
