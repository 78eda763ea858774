// The address of a model's page on the Hub, as people copy it from a browser, to the repository it is of.
import { ArgumentError } from "../../device/errors.ts";
import { HAS_DISK } from "./bytes.ts";
import { HUB_URL, type HubRepo, hubName } from "./hubId.ts";
import { withLayout } from "./layout.ts";
import type { FileSource, SourceOptions } from "./source.ts";

/**
 * The files of the model whose page has this address; undefined for any other address. The Hub's files themselves are
 * at HUB/owner/name/resolve/...
 */
export async function openHubPage(
  url: URL,
  options: SourceOptions,
  openHub: (repo: Pick<HubRepo, "id" | "revision">, options: SourceOptions) => Promise<FileSource>,
): Promise<FileSource | undefined> {
  const page = await hubPageOf(url, options.revision);
  if (!page) return undefined;
  const source = await openHub(page, options);
  const named = { ...source, name: `the Hub id ${source.name}` };
  return page.folder ? withLayout(named, { subfolder: page.folder }) : named;
}

/** What a page's address names. */
interface HubPage extends Pick<HubRepo, "id" | "revision"> {
  /** The folder that the page shows; "" at the top. */
  readonly folder: string;
}

/**
 * Reads HUB/owner/name, HUB/owner/name/tree/REVISION/FOLDER and HUB/owner/name/blob/REVISION/FOLDER/FILE, also with
 * resolve or raw in place of blob; undefined for any other address.
 */
async function hubPageOf(url: URL, revision?: string): Promise<HubPage | undefined> {
  const path = pathBelow(url, [HUB_URL, "https://hf.co", "https://www.huggingface.co", await endpoint()]);
  if (path && NO_MODEL.test(path)) {
    throw new ArgumentError(
      `${url.href} is the page of a ${path.split("s/")[0]}, which is no model: give a model's page`,
    );
  }
  const [, id = "", kind = "", rest = ""] = PAGE.exec(path ?? "") ?? [];
  // These two are addresses of files. What they have before a file's name is a folder of a server like any other.
  if (/^(resolve|raw)$/.test(kind) && !/\.[A-Za-z]\w*$/.test(url.pathname)) return undefined;
  // Split before it is decoded: the Hub writes the slash of a branch "feature/x" as %2F.
  const parts = rest.split("/").map((part) => decoded(part, url));
  // refs/pr/N is the one revision with slashes that the Hub makes by itself.
  const at = parts.splice(0, parts[0] === "refs" ? 3 : 1).join("/");
  const name = hubName(id, revision ?? (at || undefined));
  if (!name || RESERVED.test(id)) return undefined;
  return { ...name, folder: (kind === "tree" ? parts : parts.slice(0, -1)).join("/") };
}

const PAGE = /^([^/]+\/[^/]+)(?:\/(tree|blob|resolve|raw)\/(.+))?$/;
/** Pages of data sets and spaces. Behind "resolve" are their files, which may be a model's. */
const NO_MODEL = /^(datasets|spaces)\/[^/]+\/[^/]+(\/(tree|blob)\/.*)?$/;

function decoded(part: string, url: URL): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ArgumentError(`${url.href} has a % that is no part of a code such as %20: write it as %25`);
  }
}

/** Pages of the Hub that are no models' and look like them. */
const RESERVED = /^(datasets|spaces|docs|blog|papers|collections|settings|organizations|api|models|tasks|learn)\//;

/** A wrong HF_ENDPOINT is told when the Hub is meant, which another server's address does not do. */
async function endpoint(): Promise<string> {
  if (HAS_DISK) {
    const { hubEndpoint } = await import("./hubEnvironment.ts");
    try {
      return hubEndpoint();
    } catch {}
  }
  return HUB_URL;
}

function pathBelow({ origin, pathname }: URL, hubs: readonly string[]): string | undefined {
  const address = (origin + pathname).replace(/\/+$/, "");
  const hub = hubs.find((base) => address.startsWith(`${base}/`));
  return hub && address.slice(hub.length + 1);
}
