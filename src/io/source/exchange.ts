// Asking a server: an answer can be given up, a busy server is asked again, one that falls silent is not waited for.
import { InvalidFileError, NetworkError } from "../../device/errors.ts";

/** An answer whose body is still to come; the controller gives it up. */
export interface Exchange {
  readonly response: Response;
  readonly controller: AbortController;
}

/** Seconds without an answer, or without a byte of one, after which a server is given up. */
const PATIENCE_S = 30;

/**
 * fetch that asks a busy server again, and one that hung up. The signal counts until the answer is there; after that
 * the controller does.
 *
 * @throws NetworkError when no server answers, or none in time; the signal's reason when cancelled.
 */
export async function exchange(url: URL, init: RequestInit, signal?: AbortSignal): Promise<Exchange> {
  const controller = new AbortController();
  const response = await cancellable(controller, signal, () => reachServer(url, init, controller));
  return { response, controller };
}

/**
 * The whole body, where its length is not known, or is that of a packed one: a few kilobytes may unpack to gigabytes.
 *
 * @throws InvalidFileError for more than `most` bytes; NetworkError when it is cut off; the signal's reason.
 */
export function wholeBody({ response, controller }: Exchange, url: URL, most: number, signal?: AbortSignal) {
  return cancellable(controller, signal, async () => {
    const reader = response.body?.getReader();
    const parts: Blob[] = []; // which a browser may keep on its disk
    for (let size = 0; ; ) {
      const next = await heard(url, controller, reader?.read()).catch((cause) => {
        throw cause instanceof NetworkError ? cause : new NetworkError(`${url.href} was cut off: try again`, { cause });
      });
      if (!next?.value) return new Blob(parts);
      size += next.value.byteLength;
      if (size > most) throw new InvalidFileError(`${url.href} has more than ${most} bytes, which are not read`);
      parts.push(new Blob([next.value as Uint8Array<ArrayBuffer>]));
    }
  });
}

/** Has the signal give up what the controller does, as long as `work` takes; and any failure. */
export async function cancellable<T>(
  controller: AbortController,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await work();
  } catch (error) {
    abort();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** What the server sends next; the controller gives up, with a NetworkError, where that takes too long. */
export async function heard<T>(url: URL, controller: AbortController, next: Promise<T> | T): Promise<T> {
  // The variable is that of Python's huggingface_hub.
  const seconds = Number(globalThis.process?.env.HF_HUB_DOWNLOAD_TIMEOUT) || PATIENCE_S;
  const silence = () => new NetworkError(`${url.origin} was silent for ${seconds} s: try again`, { cause: "silence" });
  const timer = setTimeout(() => controller.abort(silence()), 1000 * seconds);
  try {
    return await next;
  } finally {
    clearTimeout(timer);
  }
}

async function reachServer(url: URL, init: RequestInit, controller: AbortController): Promise<Response> {
  const { signal } = controller;
  const ask = () =>
    heard(url, controller, fetch(url, { ...init, signal })).catch((error: Error) => {
      if (RESET.test(reasonOf(error))) return error;
      throw error;
    });
  try {
    let answer = await ask();
    if (answer instanceof Error || answer.status === 408 || answer.status === 429 || answer.status >= 500) {
      answer = await (await import("./retry.ts")).askAgain(answer, ask, signal);
    }
    if (answer instanceof Error) throw answer;
    return answer;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new NetworkError(`${url.origin} cannot be reached (${reasonOf(cause)}): check the network`, { cause });
  }
}

/** A connection that was there and broke before the answer, by Node's codes and Deno's words. */
const RESET = /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$|connection (reset|closed)/i;

/** Why a fetch failed, in a few words. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
