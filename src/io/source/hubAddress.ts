// The address of a model's page on the Hub, as people copy it from a browser, to the repository it is of.
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
 * Reads HUB/owner/name, HUB/owner/name/tree/REVISION/FOLDER and HUB/owner/name/blob/REVISION/FOLDER/FILE; undefined for
 * any other address.
 */
async function hubPageOf(url: URL, revision?: string): Promise<HubPage | undefined> {
  const path = pathBelow(url, [HUB_URL, "https://hf.co", "https://www.huggingface.co", await endpoint()]);
  const [, id = "", kind, rest = ""] = /^([^/]+\/[^/]+)(?:\/(tree|blob)\/(.+))?$/.exec(path ?? "") ?? [];
  const parts = decodeURIComponent(rest).split("/");
  // refs/pr/N is the one revision with slashes that the Hub makes by itself.
  const at = parts.splice(0, parts[0] === "refs" ? 3 : 1).join("/");
  const name = hubName(id, revision ?? (at || undefined));
  if (!name || RESERVED.test(id)) return undefined;
  return { ...name, folder: (kind === "blob" ? parts.slice(0, -1) : parts).join("/") };
}

/** Pages of the Hub that are no models' and look like them. */
const RESERVED = /^(datasets|spaces|docs|blog|papers|collections|settings|organizations|api|models|tasks|learn)\//;

async function endpoint(): Promise<string> {
  return HAS_DISK ? (await import("./hubEnvironment.ts")).hubEndpoint() : HUB_URL;
}

function pathBelow({ origin, pathname }: URL, hubs: readonly string[]): string | undefined {
  const address = (origin + pathname).replace(/\/+$/, "");
  const hub = hubs.find((base) => address.startsWith(`${base}/`));
  return hub && address.slice(hub.length + 1);
}
