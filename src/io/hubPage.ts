// The Hub cache of a browser: Cache Storage, keyed by the file's address with its revision. What it holds is used
// without asking the Hub; a 404 is kept too, as models are asked for files that many of them lack.

import { type ByteSource, blobFile } from "./bytes.ts";
import { hubLabel, openRemote, resolveUrl } from "./hub.ts";
import type { HubRepo } from "./hubId.ts";
import type { FileSource, SourceOptions } from "./source.ts";

const CACHE_NAME = "webgpu-vision";

/** The files of a Hub repository, kept in Cache Storage unless `cache` is false or the page has none (plain http). */
export function openHubInPage(repo: HubRepo, options: SourceOptions): FileSource {
  const open = async (file: string) => {
    options.signal?.throwIfAborted();
    const shelf = await openShelf(options);
    const url = resolveUrl(repo, file);
    const held = await shelf?.match(url);
    if (held?.status === 404) return undefined;
    if (held) return heldFile(file, held, options);
    const remote = await openRemote(repo, file, options);
    if (!shelf) return remote;
    if (remote) return keep(shelf, url, remote, options);
    await shelf.put(url, new Response(null, { status: 404 })).catch(() => undefined);
    return undefined;
  };
  return { name: hubLabel(repo), open };
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
