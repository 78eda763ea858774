// Encoded pictures from a URL.
import { ImageError, InvalidFileError, NetworkError, NotFoundError } from "../../device/errors.ts";
import { exchange, wholeBody } from "../source/exchange.ts";
import { foreign } from "./canvas.ts";

/** Larger files are not fetched: no picture within the limits of its sides needs so much. */
const MAX_BYTES = 2 ** 30;

/** The bytes at a URL, as the server has them; `name` stands for it in messages. */
export async function download(url: URL, name: string, signal?: AbortSignal): Promise<Blob> {
  try {
    const answer = await exchange(url, {}, signal);
    const problem = problemOf(answer.response, name);
    if (problem) {
      answer.controller.abort();
      throw problem;
    }
    return await wholeBody(answer, url, MAX_BYTES, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InvalidFileError) throw new ImageError(tooLong(name, `more than ${MAX_BYTES}`));
    if (!(error instanceof NetworkError) || error.cause === undefined) throw error;
    if (await isForeign(url)) throw foreign(name, error.cause);
    throw new NetworkError(`[image] ${name} could not be fetched: ${error.message}`, { cause: error });
  }
}

/** Why an answer is no picture, as far as its status and headers tell. */
function problemOf({ status, statusText, ok, headers }: Response, name: string): Error | undefined {
  if (status === 404 || status === 410) {
    return new NotFoundError(`[image] there is nothing at ${name} (HTTP ${status}): check the address`);
  }
  if (!ok) return new NetworkError(`[image] ${name} answered HTTP ${status} ${statusText}`);
  const length = Number(headers.get("content-length") ?? 0);
  return length > MAX_BYTES ? new ImageError(tooLong(name, String(length))) : undefined;
}

function tooLong(name: string, length: string): string {
  return `[image] ${name} is ${length} bytes long, expected ${MAX_BYTES} at most`;
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
