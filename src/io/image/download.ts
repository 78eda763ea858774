// Encoded pictures from a URL.
import { ImageError, NetworkError, NotFoundError } from "../../device/errors.ts";
import { foreign } from "./canvas.ts";

/** Larger files are not fetched: no picture within the limits of its sides needs so much. */
const MAX_BYTES = 2 ** 30;

/** The bytes at a URL, as the server has them. */
export async function download(url: URL, signal?: AbortSignal): Promise<Blob> {
  const name = shownUrl(url);
  try {
    const response = await fetch(url, { signal });
    if (response.status === 404 || response.status === 410) {
      throw new NotFoundError(`[image] there is nothing at ${name} (HTTP ${response.status}): check the address`);
    }
    if (!response.ok) throw new NetworkError(`[image] ${name} answered HTTP ${response.status} ${response.statusText}`);
    const length = Number(response.headers.get("content-length") ?? 0);
    if (length > MAX_BYTES)
      throw new ImageError(`[image] ${name} is ${length} bytes long, expected ${MAX_BYTES} at most`);
    return await response.blob();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof NotFoundError || cause instanceof NetworkError || cause instanceof ImageError) throw cause;
    if (await isForeign(url)) throw foreign(name, cause);
    const { message, cause: inner } = cause instanceof Error ? cause : new Error(String(cause));
    const reason = inner instanceof Error ? `${message} (${inner.message})` : message;
    throw new NetworkError(`[image] ${name} could not be fetched: ${reason}. Check the address and the network`, {
      cause,
    });
  }
}

/** Whether a page is told nothing of what is there: a server of another site that answers, but not to this page. */
async function isForeign(url: URL): Promise<boolean> {
  const { origin } = globalThis.location ?? {};
  if (!origin || origin === url.origin) return false;
  return fetch(url, { mode: "no-cors", method: "HEAD" }).then(
    () => true,
    () => false,
  );
}

/** A URL for messages: without query, user or data, which may be secret or long. */
export function shownUrl(url: URL): string {
  return url.protocol === "data:" ? "the data: URL" : `${url.protocol}//${url.host}${url.pathname}`;
}
