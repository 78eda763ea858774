// Where a model's files come from: a folder, a URL of a folder, a Hub id, or files and bytes that the caller holds. All
// look the same to the rest of the engine: ask for a file by name, get something that can be read in ranges.
import { ArgumentError, InvalidFileError, NotFoundError } from "../../device/errors.ts";
import { isA } from "../../device/tensor.ts";
import { type ByteSource, HAS_DISK, MAX_JSON_BYTES } from "./bytes.ts";
import { openHttp, openHttpFolder } from "./http.ts";
import type { HubRepo } from "./hubId.ts";
import type { FileSource, Source, SourceBytes, SourceLike, SourceOptions } from "./source.ts";

const ACCEPTED = "a folder, an http(s) URL of a folder, a Hub id (owner/name or owner/name@revision), files, or bytes";

/**
 * Opens the place where a model's files are. A string is a folder when it begins with "." or "/" or exists on disk, a
 * URL when it begins with http:// or https://, else a Hub id. In browsers "./models/clip" is a URL beside the page.
 *
 * @throws NotFoundError for a folder that is not there; ArgumentError for anything that is no source.
 * @example
 * const source = await openSource("openai/clip-vit-base-patch32@main", { onProgress: console.log });
 * const config = await source.json("config.json");
 */
export async function openSource(source: SourceLike, options: SourceOptions = {}): Promise<Source> {
  options.signal?.throwIfAborted();
  for (const name of ["revision", "subfolder", "variant"] as const) {
    const value: unknown = options[name] ?? ""; // null is as good as absent
    if (typeof value !== "string") throw new ArgumentError(`${name} is ${JSON.stringify(value)}, expected a string`);
  }
  if (typeof source === "string") return placed(await openString(source, options), options);
  if (isA(source, "URL")) return placed(await openUrl(source, options), options);
  const { openBytes, openFileList } = await import("./heldFiles.ts");
  return Array.isArray(source)
    ? placed(openFileList(source, isA), options)
    : openBytes(source as SourceBytes, options, isA);
}

async function placed(source: FileSource, options: SourceOptions): Promise<Source> {
  if (!options.subfolder && !options.variant) return withJson(source, options);
  return withJson((await import("./layout.ts")).withLayout(source, options), options);
}

async function openString(text: string, options: SourceOptions): Promise<FileSource> {
  if (/^(https?|file):/i.test(text)) return openUrl(parseUrl(text), options);
  if (HAS_DISK) {
    const { findFolder } = await import("./disk.ts");
    const folder = await findFolder(text);
    if (folder) return folder;
    if (looksLocal(text)) throw new NotFoundError(`there is no folder ${text}: give ${ACCEPTED}`);
  } else if (looksLocal(text)) {
    return openFolder(new URL(text, globalThis.location?.href), options);
  }
  const { hubName } = await import("./hubId.ts");
  const id = hubName(text, options.revision ?? undefined);
  if (id) return openHub(id, options);
  throw new NotFoundError(`"${text}" is no folder here and no Hub id: give ${ACCEPTED}`);
}

/** A Hub repository as a source. Nothing is asked for before the first `open`. */
async function openHub(repo: Pick<HubRepo, "id" | "revision">, options: SourceOptions): Promise<FileSource> {
  if (HAS_DISK) {
    const { openHubOnDisk } = await import("./hubDisk.ts");
    return openHubOnDisk(repo, options);
  }
  const { HUB_URL } = await import("./hubId.ts");
  const { openHubInPage } = await import("./hubPage.ts");
  return openHubInPage({ ...repo, endpoint: HUB_URL }, options);
}

/** A folder on a web server, which a page keeps where it was told to. */
async function openFolder(url: URL, options: SourceOptions): Promise<FileSource> {
  if (HAS_DISK || /^(www\.)?(hf\.co|huggingface\.co)$/.test(url.hostname)) {
    const { openHubPage } = await import("./hubAddress.ts");
    const page = await openHubPage(url, options, openHub);
    if (page) return page;
  }
  if (HAS_DISK || options.cache !== true) return openHttpFolder(url, options);
  const { openFolderInPage } = await import("./keptFiles.ts");
  return openFolderInPage(url, options);
}

/** Whether a model's name is a folder's: in browsers, an address relative to the page. */
export function looksLocal(text: string): boolean {
  return /^([./~\\]|[A-Za-z]:[\\/])/.test(text);
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new ArgumentError(`"${text}" is not a URL that can be read: give ${ACCEPTED}`);
  return new URL(text);
}

async function openUrl(url: URL, options: SourceOptions): Promise<FileSource> {
  if (isHttp(url)) return openFolder(url, options);
  if (HAS_DISK && url.protocol === "file:") {
    const { findFolder } = await import("./disk.ts");
    const folder = await findFolder(url);
    if (folder) return folder;
    throw new NotFoundError(`there is no folder ${url.href}: give ${ACCEPTED}`);
  }
  throw new ArgumentError(`${url.href} cannot be read here: give ${ACCEPTED}`);
}

function isHttp(url: URL): boolean {
  return url.protocol === "http:" || url.protocol === "https:";
}

/** Opens one file by path or URL, for `readSafetensors`. */
export async function openFile(from: string | URL, options: SourceOptions): Promise<ByteSource> {
  const url = isA(from, "URL") ? from : /^(https?|file):/i.test(from) ? parseUrl(from) : undefined;
  if (url && isHttp(url)) {
    const file = await openHttp(url, options);
    if (!file) throw new NotFoundError(`${url.href} does not exist (404): check the address`);
    return file;
  }
  if (HAS_DISK) {
    const { openDiskFile } = await import("./disk.ts");
    const file = await openDiskFile(url ?? String(from));
    if (file) return file;
    throw new NotFoundError(`there is no file ${from}: check the path`);
  }
  throw new ArgumentError(`${from} cannot be read in a browser: give an http(s) URL, a Blob or bytes`);
}

function withJson(source: FileSource, { signal }: SourceOptions): Source {
  const json = async (name: string) => {
    const file = await source.open(name);
    if (!file) return undefined;
    try {
      if (file.size > MAX_JSON_BYTES) throw new InvalidFileError(`${name} of ${source.name} is too large for JSON`);
      return await parseJson(name, source.name, await file.read(0, file.size, signal));
    } finally {
      await file.close?.();
    }
  };
  const { conversion } = source;
  if (!conversion) return { ...(source as Omit<FileSource, "conversion">), json };
  const converted = async () => {
    const convertedSource = await conversion();
    return convertedSource && withJson(convertedSource, { signal });
  };
  return { ...source, json, conversion: converted };
}

async function parseJson(name: string, from: string, bytes: Uint8Array): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const { otherFormat } = await import("../safetensors/otherFormat.ts");
    const problem = otherFormat(bytes) ?? "is not valid JSON: download it again";
    throw new InvalidFileError(`${name} of ${from} ${problem} (${(cause as Error).message})`, { cause });
  }
}
