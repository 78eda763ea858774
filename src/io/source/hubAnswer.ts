// What the Hub says of a file before it is downloaded: its length, the name of its content, the commit it is of.
import { fileDownloadInfo } from "@huggingface/hub";
import { NetworkError, VisionError } from "../../device/errors.ts";
import { exchange } from "./exchange.ts";
import { authorization, judgeHub } from "./hub.ts";
import type { HubRepo } from "./hubId.ts";

/** A commit of a repository, as git names it. */
export const COMMIT = /^[0-9a-f]{40}$/;
/** An etag that is a file's name on every system. */
const BLOB_NAME = /^\w[\w.+=-]{0,127}$/;
const MAX_REDIRECTS = 10;

/** What the Hub says of a file. */
export interface Listing {
  readonly size: number;
  /** Names the content: the SHA-256 of a large file, git's hash of a small one. */
  readonly etag: string;
  readonly commit: string;
}

/** Headers that only the first of several redirected answers carries. */
export interface Seen {
  commit?: string;
  etag?: string;
}

/**
 * Asks the Hub for size, etag and commit of a file; "unlisted" where it gives the file but does not say all of that.
 * `seen` is told what the headers say, whatever comes of it.
 */
export async function askHub(
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
    const { response, controller } = await exchange(url, { ...init, headers, redirect: "manual" }, signal);
    const commit = response.headers.get("x-repo-commit") ?? "";
    if (COMMIT.test(commit)) seen.commit ??= commit;
    seen.etag ??= response.headers.get("x-linked-etag") ?? undefined;
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !location) return response;
    controller.abort();
    if (!URL.canParse(location, url))
      throw new NetworkError(`${url.origin} redirects to no address: check HF_ENDPOINT`);
    url = new URL(location, url);
  }
  throw new NetworkError(`${start.href} redirects in a circle: check HF_ENDPOINT`);
}
