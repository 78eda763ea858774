// Files that a page reads and keeps in Cache Storage. What it holds is used without asking the server. That there is no
// such file is kept too, as models are asked for files that many of them lack, but for a day only: a server may have
// been wrong, or have been given the file since.

import { NetworkError } from "../../device/errors.ts";
import { type ByteSource, blobFile } from "./bytes.ts";
import { fileUrl, openHttpFolder } from "./http.ts";
import { openShelf } from "./pageCache.ts";
import type { FileSource, SourceOptions } from "./source.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** When a server said that it has no such file. */
const ASKED = "x-asked";

/** A folder on a web server whose files are kept. */
export function openFolderInPage(folder: URL, options: SourceOptions): FileSource {
  const remote = openHttpFolder(folder, options);
  const open = (file: string) => openKept(file, fileUrl(folder, file), options, () => remote.open(file));
  return { ...remote, open };
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
  const isAbsent = held?.status === 404;
  if (held && !isAbsent) return heldFile(file, held, options);
  if (isAbsent && Date.now() - Number(held.headers.get(ASKED)) < DAY_MS) return undefined;
  const remote = await openRemote().catch((error) => {
    if (isAbsent && error instanceof NetworkError && error.cause !== undefined) return undefined;
    throw error;
  });
  if (!shelf) return remote;
  if (remote) return keep(shelf, url, remote, options);
  const headers = { [ASKED]: String(Date.now()) };
  await shelf.put(url, new Response(null, { status: 404, headers })).catch(() => undefined);
  return undefined;
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
