// What a browser keeps of the models it loaded: Cache Storage, keyed by the files' addresses. What it holds is used
// without asking the server; a 404 is kept too, as models are asked for files that many of them lack.

import { type ByteSource, blobFile } from "./bytes.ts";
import { fileUrl, openHttpFolder } from "./http.ts";
import type { FileSource, ModelFile, SourceOptions } from "./source.ts";

const CACHE_NAME = "webgpu-vision";
const HUB_FILE = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;

/** A model in the browser's cache. */
export interface CachedModel {
  /** A Hub id with its revision, or the URL of a folder; `fromPretrained` takes it. */
  readonly name: string;
  /** All files together. */
  readonly bytes: number;
  /** Each file with its size. */
  readonly files: readonly ModelFile[];
}

/**
 * The models that this site keeps in Cache Storage, by name. Empty outside browsers: Node and Deno keep Hub files on
 * disk, where Python's tools manage them.
 *
 * @example
 * for (const { name, bytes } of await cachedModels()) console.log(name, bytes);
 */
export async function cachedModels(): Promise<CachedModel[]> {
  const shelf = await openShelf({});
  const models = new Map<string, ModelFile[]>();
  for (const { url } of (await shelf?.keys()) ?? []) {
    const held = await shelf?.match(url);
    if (!held || held.status === 404) continue;
    const { model, file } = placeOf(new URL(url));
    const files = models.get(model) ?? [];
    files.push({ name: file, bytes: Number(held.headers.get("content-length") ?? 0) });
    models.set(model, files);
  }
  const list = [...models].map(([name, files]) => ({ name, bytes: files.reduce((sum, f) => sum + f.bytes, 0), files }));
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * Removes one model from the browser's cache, by the name that `cachedModels` gives it, or all of them.
 *
 * @returns Bytes that were freed.
 * @example
 * await clearCachedModels("openai/clip-vit-base-patch32@main");
 */
export async function clearCachedModels(name?: string): Promise<number> {
  const freed = (await cachedModels()).filter((model) => name === undefined || model.name === name);
  const shelf = await openShelf({});
  for (const request of (await shelf?.keys()) ?? []) {
    if (name === undefined || placeOf(new URL(request.url)).model === name) await shelf?.delete(request);
  }
  return freed.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** To which model a file belongs, by its address. */
function placeOf(url: URL): { model: string; file: string } {
  const [, id, revision = "", path = ""] = HUB_FILE.exec(url.pathname) ?? [];
  if (id) return { model: `${id}@${decodeURIComponent(revision)}`, file: decodeURIComponent(path) };
  const file = url.pathname.split("/").pop() ?? "";
  return { model: new URL(".", url).href, file: decodeURIComponent(file) };
}

/** A folder on a web server whose files are kept. */
export function openFolderInPage(folder: URL, options: SourceOptions): FileSource {
  const remote = openHttpFolder(folder, options);
  const open = (file: string) => openKept(file, fileUrl(folder, file), options, () => remote.open(file));
  return { name: remote.name, open };
}

/**
 * A file from the cache, or else from `openRemote` and then kept, unless `cache` is false or the page has no Cache
 * Storage (plain http).
 */
export async function openKept(
  file: string,
  url: URL,
  options: SourceOptions,
  openRemote: () => Promise<ByteSource | undefined>,
): Promise<ByteSource | undefined> {
  options.signal?.throwIfAborted();
  const shelf = await openShelf(options);
  const held = await shelf?.match(url);
  if (held?.status === 404) return undefined;
  if (held) return heldFile(file, held, options);
  const remote = await openRemote();
  if (!shelf) return remote;
  if (remote) return keep(shelf, url, remote, options);
  await shelf.put(url, new Response(null, { status: 404 })).catch(() => undefined);
  return undefined;
}

async function openShelf({ cache }: SourceOptions): Promise<Cache | undefined> {
  if (cache === false || typeof caches === "undefined") return undefined;
  return caches.open(CACHE_NAME).catch(() => undefined);
}

async function heldFile(file: string, held: Response, { onProgress }: SourceOptions): Promise<ByteSource> {
  const blob = await held.blob(); // a reference into the browser's storage, not a copy in the heap
  onProgress?.({ file, loaded: blob.size, total: blob.size });
  return blobFile(file, blob);
}

/** Streams a file into the cache. A stream that fails leaves nothing there; a full disk means reading without it. */
async function keep(shelf: Cache, url: URL, remote: ByteSource, options: SourceOptions): Promise<ByteSource> {
  let failure: unknown;
  const chunks = remote.stream(0, remote.size, options.signal)[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failure = error;
        controller.error(error);
      }
    },
  });
  const headers = { "content-length": String(remote.size), "content-type": "application/octet-stream" };
  try {
    await shelf.put(url, new Response(body, { headers }));
  } catch {
    if (failure !== undefined) {
      await remote.close?.();
      throw failure;
    }
    return remote;
  }
  await remote.close?.();
  const held = await shelf.match(url);
  return held ? blobFile(remote.name, await held.blob()) : remote;
}
