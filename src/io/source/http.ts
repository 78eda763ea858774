// Files on a web server, read in ranges. A response stays open between reads: whoever reads a file from front to back
// (header, then tensor after tensor) makes one request, not one per tensor, and the server is only as far ahead as the
// network buffers. A read elsewhere in the file opens another response.

import { NetworkError } from "../../device/errors.ts";
import { type ByteSource, blobFile, MAX_JSON_BYTES, streamRange } from "./bytes.ts";
import { cancellable, type Exchange, exchange, heard, reasonOf, wholeBody } from "./exchange.ts";
import type { FileSource, SourceOptions } from "./source.ts";

export interface HttpOptions extends Pick<SourceOptions, "signal" | "onProgress"> {
  /** Name for messages and progress; the last part of the URL when absent. */
  name?: string;
  headers?: Record<string, string>;
  /** What a response means: an error to throw, "absent" when there is no such file, undefined when it is the file. */
  judge?: (response: Response, url: URL) => Error | "absent" | undefined;
}

/** Skipping this many bytes is cheaper than a new request. */
const MAX_GAP_BYTES = 1024 * 1024;
/** Responses kept open for reads that interleave. */
const MAX_IDLE = 4;
/** A file whose length the server does not tell is held whole: longer ones are not read. */
const MAX_UNTOLD_BYTES = 2 ** 32;

/**
 * Opens a file by URL; undefined when the server says that there is none.
 *
 * @throws NetworkError when the server cannot be reached, refuses, or sends something else than it announced.
 */
export async function openHttp(url: URL, options: HttpOptions = {}): Promise<ByteSource | undefined> {
  const name = options.name ?? nameOf(url);
  const first = await request(url, 0, options);
  if (first.response.status === 416) return blobFile(name, new Blob()); // no range of an empty file is satisfiable
  const verdict = (options.judge ?? judgePublic)(first.response, url);
  if (verdict) first.controller.abort();
  if (verdict === "absent") return undefined;
  if (verdict) throw verdict;
  const size = totalSize(first.response, 0);
  if (size === undefined) {
    const most = name.endsWith(".json") ? MAX_JSON_BYTES : MAX_UNTOLD_BYTES;
    return blobFile(name, await wholeBody(first, url, most, options.signal));
  }
  return new HttpFile(name, size, url, options, first);
}

function nameOf(url: URL): string {
  const name = url.pathname.split("/").pop() || url.host;
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a "%" that is none of a code
  }
}

/** A folder on a web server. A server that answers any path with its own page has no such file. */
export function openHttpFolder(folder: URL, options: SourceOptions): FileSource {
  const open = async (file: string) => {
    const url = fileUrl(folder, file);
    return openHttp(url, {
      ...options,
      name: file,
      judge: (response) => judgePage(response) ?? judgePublic(response, url),
    });
  };
  const list = async () => {
    const { heldOf, TELLING_FILES } = await import("./tellingFiles.ts");
    return heldOf(open, TELLING_FILES);
  };
  return { name: fileUrl(folder, "").href, open, list };
}

/** The address of a file in a folder, whose own address may lack the last slash. */
export function fileUrl(folder: URL, file: string): URL {
  const base = new URL(folder);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const url = new URL(file.split("/").map(encodeURIComponent).join("/"), base);
  url.search = base.search; // signed URLs carry their signature there
  return url;
}

function judgePage({ ok, headers }: Response): "absent" | undefined {
  return ok && headers.get("content-type")?.startsWith("text/html") ? "absent" : undefined;
}

/** One response being read, at a position in the file. */
interface Connection {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly controller: AbortController;
  position: number;
  /** Bytes received and not yet asked for; they begin at `position`. */
  rest: Uint8Array;
}

class HttpFile implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #url: URL;
  readonly #options: HttpOptions;
  readonly #version: string;
  readonly #idle: Connection[] = [];
  readonly #drop = () => {
    for (const open of this.#idle.splice(0)) open.controller.abort();
  };
  #loaded = 0;

  constructor(name: string, size: number, url: URL, options: HttpOptions, first: Exchange) {
    this.name = name;
    this.size = size;
    this.#url = url;
    this.#options = options;
    this.#version = versionOf(first.response);
    this.#keep(connection(first, 0));
    options.signal?.addEventListener("abort", this.#drop, { once: true });
  }

  async read(start: number, end: number, signal = this.#options.signal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const bytes = new Uint8Array(end - start);
    if (bytes.byteLength === 0) return bytes;
    const idle = this.#takeNear(start);
    // A server may have given up on a response that waited long: then the rest is requested again, once.
    const done = idle ? await this.#readFrom(idle, start, bytes, signal).catch(() => false) : false;
    signal?.throwIfAborted();
    if (!done) await this.#readFrom(await this.#connect(start, signal), start, bytes, signal);
    this.#loaded = Math.max(this.#loaded, end);
    this.#options.onProgress?.({ file: this.name, loaded: this.#loaded, total: this.size });
    return bytes;
  }

  async #readFrom(open: Connection, start: number, bytes: Uint8Array, signal?: AbortSignal): Promise<true> {
    await cancellable(open.controller, signal, async () => {
      await this.#skipTo(open, start);
      await this.#fill(open, bytes);
    }).catch((error) => {
      throw signal?.aborted ? error : this.#failure(error);
    });
    this.#keep(open);
    return true;
  }

  stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return streamRange(this, start, end, signal);
  }

  async close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#drop);
    this.#drop();
  }

  #takeNear(start: number): Connection | undefined {
    const at = this.#idle.findIndex(({ position }) => position <= start && start - position <= MAX_GAP_BYTES);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  #keep(open: Connection): void {
    if (open.position < this.size) this.#idle.push(open);
    if (this.#idle.length > MAX_IDLE) this.#idle.shift()?.controller.abort();
  }

  async #connect(start: number, signal?: AbortSignal): Promise<Connection> {
    const exchange = await request(this.#url, start, { ...this.#options, signal });
    const { response, controller } = exchange;
    const verdict = (this.#options.judge ?? judgePublic)(response, this.#url);
    const version = versionOf(response) || this.#version; // a server that tells none is believed
    const isSame = version === (this.#version || version);
    if (!verdict && totalSize(response, start) === this.size && isSame) {
      return connection(exchange, response.status === 206 ? start : 0);
    }
    controller.abort();
    if (verdict instanceof Error && response.status !== 416) throw verdict; // 416: the file is shorter now
    throw this.#changed();
  }

  #changed(): NetworkError {
    return new NetworkError(`${this.#url.href} changed or went away while it was read: load the model again`);
  }

  async #skipTo(open: Connection, start: number): Promise<void> {
    while (open.position < start) {
      await this.#more(open);
      this.#advance(open, Math.min(start - open.position, open.rest.byteLength));
    }
  }

  async #fill(open: Connection, bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.byteLength) {
      await this.#more(open);
      const part = open.rest.subarray(0, bytes.byteLength - at);
      bytes.set(part, at);
      at += part.byteLength;
      this.#advance(open, part.byteLength);
    }
  }

  #advance(open: Connection, count: number): void {
    open.rest = open.rest.subarray(count);
    open.position += count;
  }

  /** Waits until at least one byte is at hand. */
  async #more(open: Connection): Promise<void> {
    while (open.rest.byteLength === 0) {
      const { done, value } = await heard(this.#url, open.controller, open.reader.read());
      if (done) throw new NetworkError(cutOff(this.#url, open.position, this.size));
      open.rest = value;
    }
  }

  #failure(error: unknown): Error {
    if (error instanceof NetworkError) return error;
    return new NetworkError(`${cutOff(this.#url, undefined, this.size)} (${reasonOf(error)})`, { cause: error });
  }
}

/** What changes with a file, "" where a server does not tell: some give one file several etags, but one date. */
function versionOf({ headers }: Response): string {
  return headers.get("last-modified") ?? headers.get("etag") ?? "";
}

function connection({ response, controller }: Exchange, position: number): Connection {
  const body = response.body ?? new Blob().stream();
  return { reader: body.getReader(), controller, position, rest: new Uint8Array(0) };
}

function cutOff(url: URL, at: number | undefined, size: number): string {
  const where = at === undefined ? "" : ` after ${at} of ${size} bytes`;
  return `the download of ${url.href} was cut off${where}: try again`;
}

/** Asks for the file from `start` to its end. The response can be given up through the controller. */
function request(url: URL, start: number, { headers, signal }: HttpOptions): Promise<Exchange> {
  return exchange(url, { headers: { ...headers, Range: `bytes=${start}-` } }, signal);
}

/**
 * Length of the whole file, if the response tells and holds the range asked for. Content-Length counts packed bytes
 * when the body is compressed; Content-Range is hidden from pages of another origin unless the server exposes it.
 */
function totalSize({ status, headers }: Response, start: number): number | undefined {
  const length = headers.get("content-length");
  const bodyBytes = length === null || headers.has("content-encoding") ? undefined : Number(length);
  if (status !== 206) return bodyBytes;
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (range) return Number(range[1]) === start ? Number(range[2]) : undefined;
  return bodyBytes === undefined ? undefined : start + bodyBytes;
}

/** What a status means on an ordinary web server: an error, "absent", or undefined for the file. */
function judgePublic({ ok, status }: Response, url: URL): Error | "absent" | undefined {
  if (ok) return undefined;
  if (status === 404 || status === 410) return "absent";
  const denied = status === 401 || status === 403;
  const hint = denied ? "it is not public: check the address and your access" : retryHint(status);
  return new NetworkError(`${url.href} was refused (${status}): ${hint}`);
}

/** Advice for the message about an HTTP status. */
export function retryHint(status: number): string {
  return status === 429 ? "too many requests, wait a while" : "try again later";
}
