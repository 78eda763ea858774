// A local server that answers as the Hugging Face Hub does: resolve URLs, a redirect to another host for large files,
// ranges, etags, the X- headers, its errors; and, on request, one that misbehaves. It writes down what it was asked.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the answer for one file goes wrong. */
export interface Fault {
  /** Breaks the connection once this offset of the file is reached, however it is asked for. */
  cutAt?: number;
  /** Breaks the connection once, at this offset. */
  cutOnceAt?: number;
  /** Sends pieces of 64 KiB with so many milliseconds between them. */
  slowMs?: number;
  /** Announces this many bytes in X-Linked-Size and in the first answer's Content-Range. */
  statedSize?: number;
  /** Sends the whole file whatever range is asked for. */
  noRanges?: boolean;
  /** Hides X-Repo-Commit, as some mirrors do. */
  noCommit?: boolean;
  /** Says nothing at all. */
  silent?: boolean;
  /** Sends another bit than the file has at this offset. */
  flipAt?: number;
  /** Names the file's content so, in place of its hash. */
  etag?: string;
  /** After the connection broke at `cutOnceAt`, the file is another one of the same length. */
  changesTo?: Uint8Array;
  /** Answers with this status, and X-Error-Code; so many times if that is given. */
  status?: number;
  times?: number;
  errorCode?: string;
}

/** One request as the server saw it. */
export interface Seen {
  readonly path: string;
  readonly range?: string;
  readonly authorization?: string;
  readonly host: "hub" | "cdn";
}

const PIECE_BYTES = 64 * 1024;

export class HubServer {
  readonly commit = "0123456789abcdef0123456789abcdef01234567";
  readonly id = "owner/tiny-clip";
  readonly files = new Map<string, Uint8Array>();
  readonly faults = new Map<string, Fault>();
  readonly seen: Seen[] = [];
  /** Files of pull requests, by "refs/pr/N". */
  readonly requests = new Map<string, Map<string, Uint8Array>>();
  /** Answers of the API, by what comes after the model's id. */
  readonly api = new Map<string, unknown>();
  /** What a busy server asks to wait. */
  retryAfter = "0";
  /** When set, requests without this token are refused. */
  token: string | undefined;
  url = "";
  #cdnUrl = "";
  readonly #servers: Server[] = [];

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    server.url = await server.#listen((request, response) => server.#hub(request, response));
    server.#cdnUrl = await server.#listen((request, response) => server.#cdn(request, response));
    return server;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** Paths asked for since the last call, in order. */
  takePaths(): string[] {
    return this.seen.splice(0).map(({ path }) => path);
  }

  async #listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(handle);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #note(request: IncomingMessage, host: Seen["host"]): string {
    const { range, authorization } = request.headers;
    const path = decodeURIComponent(request.url ?? "");
    this.seen.push({ path, range, authorization, host });
    return path;
  }

  #hub(request: IncomingMessage, response: ServerResponse): void {
    const path = this.#note(request, "hub");
    const answer = this.api.get(path.split("/api/models/owner/tiny-clip/")[1] ?? "");
    if (answer !== undefined) return void response.end(JSON.stringify(answer));
    const [, id, revision, file = ""] = /^\/([^/]+\/[^/]+)\/resolve\/(refs\/pr\/\d+|[^/]+)\/(.+)$/.exec(path) ?? [];
    const fault = this.faults.get(file) ?? {};
    if (fault.silent) return;
    const fail = (status: number, code: string) => response.writeHead(status, { "X-Error-Code": code }).end(code);
    if (fault.status && (fault.times === undefined || fault.times-- > 0)) {
      response.setHeader("Retry-After", this.retryAfter);
      return void fail(fault.status, fault.errorCode ?? "");
    }
    if (this.token && request.headers.authorization !== `Bearer ${this.token}`) return void fail(401, "GatedRepo");
    if (id !== this.id) return void fail(404, "RepoNotFound");
    if (this.requests.has(revision ?? "")) {
      const bytes = this.requests.get(revision ?? "")?.get(file);
      return void (bytes ? this.#send(request, response, file, bytes, gitHash(bytes)) : fail(404, "EntryNotFound"));
    }
    if (revision !== "main" && revision !== this.commit) return void fail(404, "RevisionNotFound");
    if (!fault.noCommit) response.setHeader("X-Repo-Commit", this.commit);
    const bytes = this.files.get(file);
    if (!bytes) return void fail(404, "EntryNotFound");
    if (!file.endsWith(".safetensors")) return void this.#send(request, response, file, bytes, gitHash(bytes));
    response.setHeader("X-Linked-Size", fault.statedSize ?? bytes.byteLength);
    response.setHeader("X-Linked-ETag", `"${fault.etag ?? sha256(bytes)}"`);
    response.setHeader("ETag", `"${sha256(bytes)}"`);
    response.writeHead(302, { Location: `${this.#cdnUrl}/${file}?signature=x` }).end("Found");
  }

  #cdn(request: IncomingMessage, response: ServerResponse): void {
    const file = this.#note(request, "cdn").replace(/^\/|\?.*$/g, "");
    const bytes = this.files.get(file) ?? new Uint8Array(0);
    const { flipAt, changesTo, cutOnceAt } = this.faults.get(file) ?? {};
    if (changesTo && cutOnceAt === undefined) {
      return void this.#send(request, response, file, changesTo, `new-${file}`);
    }
    const sent = flipAt === undefined ? bytes : bytes.map((byte, i) => (i === flipAt ? byte ^ 1 : byte));
    this.#send(request, response, file, sent, `md5-of-${file}`);
  }

  #send(request: IncomingMessage, response: ServerResponse, file: string, bytes: Uint8Array, etag: string): void {
    const fault = this.faults.get(file) ?? {};
    const [, from, to] = (!fault.noRanges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "")) || [];
    const start = Number(from ?? 0);
    const end = to ? Math.min(Number(to) + 1, bytes.byteLength) : bytes.byteLength;
    const probe = to === "0"; // the client asks for one byte to learn the size
    const total = probe ? (fault.statedSize ?? bytes.byteLength) : bytes.byteLength;
    if (start >= end) return void response.writeHead(416, { "Content-Range": `bytes */${bytes.byteLength}` }).end();
    response.setHeader("ETag", `"${etag}"`);
    response.setHeader("Accept-Ranges", "bytes");
    response.setHeader("Content-Type", file.endsWith(".json") ? "application/json" : "application/octet-stream");
    response.setHeader("Content-Length", end - start);
    if (from !== undefined) response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${total}`);
    response.writeHead(from === undefined ? 200 : 206);
    void pour(response, bytes, start, end, fault);
  }
}

/** Writes [start, end) in pieces, as fast as the reader takes them, with the fault's delay and break. */
async function pour(
  response: ServerResponse,
  bytes: Uint8Array,
  start: number,
  end: number,
  fault: Fault,
): Promise<void> {
  const closed = new Promise<void>((resolve) => response.once("close", resolve));
  const cut = fault.cutAt ?? fault.cutOnceAt ?? Number.POSITIVE_INFINITY;
  for (let at = start; at < end && !response.destroyed; at += PIECE_BYTES) {
    const stop = Math.min(at + PIECE_BYTES, end, cut);
    const room = response.write(bytes.subarray(at, stop));
    if (stop >= cut) {
      fault.cutOnceAt = undefined;
      await pause(20); // lets the bytes before the break arrive
      return void response.destroy();
    }
    if (!room) await Promise.race([closed, new Promise<void>((resolve) => response.once("drain", resolve))]);
    if (fault.slowMs) await pause(fault.slowMs);
  }
  response.end();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Name of a small file in git, which the Hub gives as its etag. */
function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
}
