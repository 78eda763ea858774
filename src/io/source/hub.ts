// Models on the Hugging Face Hub: where their files are, and what the Hub's answers mean. Node and Deno
// keep files in the cache folder that Python uses (hubDisk.ts), browsers in Cache Storage (hubPage.ts).

import { NetworkError, NotFoundError } from "../../device/errors.ts";
import type { ByteSource } from "./bytes.ts";
import { openHttp, retryHint } from "./http.ts";
import type { HubRepo } from "./hubId.ts";
import type { SourceOptions } from "./source.ts";

/** "owner/name@revision", for messages; it can be given back to `openSource`. */
export function hubLabel({ id, revision }: HubRepo): string {
  return `${id}@${revision}`;
}

/** Address of a file: the Hub answers with the file or a redirect to where it is stored. */
export function resolveUrl({ endpoint, id, revision }: HubRepo, file: string): URL {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return new URL(`${endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${path}`);
}

/** The token is for the Hub alone: fetch drops the header when the Hub redirects to another host. */
export function authorization({ token }: HubRepo): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** A Hub file read over the network, in ranges, with nothing kept. */
export function openRemote(repo: HubRepo, file: string, options: SourceOptions): Promise<ByteSource | undefined> {
  return openHttp(resolveUrl(repo, file), {
    name: file,
    headers: authorization(repo),
    signal: options.signal,
    onProgress: options.onProgress,
    judge: (response) => judgeHub(repo, file, response),
  });
}

/** What the Hub's answer to a request for a file means; undefined when it is the file. */
export function judgeHub(repo: HubRepo, file: string, response: Response): Error | "absent" | undefined {
  const { ok, status, headers } = response;
  if (ok) return undefined;
  const what = `${file} of ${hubLabel(repo)}`;
  const local = "(there is no local folder of that name either)";
  if (status === 401 || status === 403) {
    const token = repo.token ? "the token in use has no access" : "set HF_TOKEN to a token with access";
    return new NetworkError(
      `${repo.endpoint} refuses ${what} (${status}): the model is gated, private or does not exist ${local}.` +
        ` Check the name, ask for access at ${repo.endpoint}/${repo.id}, and ${token}`,
    );
  }
  const code = headers.get("x-error-code");
  if (status === 404 && code === "RepoNotFound") {
    return new NotFoundError(`${what}: there is no model ${repo.id} on ${repo.endpoint} ${local}: check the name`);
  }
  if (status === 404 && code === "RevisionNotFound") {
    return new NotFoundError(`${what}: ${repo.id} has no revision "${repo.revision}": give a branch, tag or commit`);
  }
  if (status === 404) return "absent";
  return new NetworkError(`${repo.endpoint} could not give ${what} (${status}): ${retryHint(status)}`);
}
