// What a repository of the Hub holds besides the file that was asked for: loaded when a model has no weights that can
// be read, to say what there is, and to find the Hub's own conversion of them.
import { NetworkError } from "../../device/errors.ts";
import { openHttp } from "./http.ts";
import { authorization, hubLabel, openRemote } from "./hub.ts";
import type { HubRepo } from "./hubId.ts";
import type { FileSource, SourceOptions } from "./source.ts";
import { heldOf, TELLING_FILES } from "./tellingFiles.ts";

/** Who converts the Hub's models (transformers: safetensors_conversion.py). */
const BOT = "SFconvertbot";
const WEIGHTS = ["model.safetensors", "model.safetensors.index.json"];

/**
 * What a repository's source can do where weights are missing. `reopen` gives the same repository at another revision.
 */
export function listingOf(repo: HubRepo, options: Ask, reopen: (revision: string) => Promise<FileSource>) {
  let asked: ReturnType<typeof findPullRequest> | undefined;
  const request = () => {
    asked ??= findPullRequest(repo, options);
    return asked;
  };
  return {
    list: () => listRepo(repo, options),
    conversion: async (): Promise<FileSource | undefined> => {
      const pullRequest = await request();
      if (!pullRequest?.isBot) return undefined;
      tellConversion(repo, pullRequest.number);
      return reopen(`refs/pr/${pullRequest.number}`);
    },
    pullRequest: async () => (await request())?.number,
  };
}

type Ask = Pick<SourceOptions, "signal">;

/** Of an answer of the API: a list of files is some hundred bytes a file. */
const MOST_BYTES = 32 << 20;

/** Paths of the files of a repository; where the server has no such list (a mirror), of those that tell something. */
async function listRepo(repo: HubRepo, options: Ask): Promise<string[]> {
  const tree = await json(repo, `tree/${encodeURIComponent(repo.revision)}?recursive=true`, options);
  if (Array.isArray(tree)) return tree.filter(({ type }) => type === "file").map(({ path }) => String(path));
  return heldOf((file) => openRemote(repo, file, options), TELLING_FILES);
}

/** Names of all files of a revision; undefined where the server does not tell them or cannot be asked. */
export async function fileNames(repo: HubRepo, options: Ask): Promise<string[] | undefined> {
  const answer = await json(repo, `revision/${encodeURIComponent(repo.revision)}`, options).catch((error) => {
    if (error instanceof NetworkError) return undefined;
    throw error;
  });
  const siblings = (answer as { siblings?: unknown } | undefined)?.siblings;
  if (!Array.isArray(siblings)) return undefined;
  return siblings.map((file: { rfilename?: unknown } | null) => String(file?.rfilename));
}

/** A pull request that holds safetensors. */
interface PullRequest {
  readonly number: number;
  /** Whether the Hub's bot made it, from the repository's own weights. */
  readonly isBot: boolean;
}

/** The pull request of the Hub's bot, or else the newest other one that holds weights as safetensors. */
async function findPullRequest(repo: HubRepo, options: Ask): Promise<PullRequest | undefined> {
  const answer = (await json(repo, "discussions?type=pull_request", options)) as {
    discussions?: (Discussion | null)[];
  } | null;
  const discussions = Array.isArray(answer?.discussions) ? answer.discussions : [];
  const open = discussions
    .filter((one) => one !== null)
    .filter(({ isPullRequest = true, status }) => {
      return isPullRequest && (status === undefined || status === "open");
    });
  const isBot = ({ author }: Discussion) => author?.name === BOT;
  for (const request of [...open.filter(isBot), ...open.filter((one) => !isBot(one))]) {
    const at = { ...repo, revision: `refs/pr/${request.num}` };
    if ((await heldOf((file) => openRemote(at, file, options), WEIGHTS)).length > 0) {
      return { number: request.num, isBot: isBot(request) };
    }
  }
  return undefined;
}

interface Discussion {
  readonly num: number;
  readonly author?: { readonly name?: string };
  readonly isPullRequest?: boolean;
  readonly status?: string;
}

/** Something of the Hub's API; undefined where the server has none of it, which is no reason to fail. */
async function json(repo: HubRepo, what: string, { signal }: Ask): Promise<unknown> {
  const url = new URL(`${repo.endpoint}/api/models/${repo.id}/${what}`);
  const file = await openHttp(url, {
    name: `${what}.json`, // short, whatever the server sends
    headers: authorization(repo),
    ...(signal && { signal }),
    judge: ({ ok }) => (ok ? undefined : "absent"),
  });
  if (!file) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await file.read(0, Math.min(file.size, MOST_BYTES), signal)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await file.close?.();
  }
}

/** Says on the console that weights are taken from a pull request. */
function tellConversion(repo: HubRepo, number: number): void {
  console.warn(
    `webgpu-vision: ${hubLabel(repo)} has no safetensors: its weights are taken from refs/pr/${number}, ` +
      `the conversion by the Hub's own bot (${BOT})`,
  );
}
