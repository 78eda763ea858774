// A server of files for pages that were built, which notes what it was asked for.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
};

/** A server of a folder. */
export interface FolderServer extends AsyncDisposable {
  readonly url: string;
  /** Paths of the scripts that were given, and their bytes. */
  readonly scripts: ReadonlyMap<string, Uint8Array>;
}

/** Serves a folder, and others below the names given. */
export async function serveFolder(
  folder: string,
  others: Readonly<Record<string, string>> = {},
): Promise<FolderServer> {
  const scripts = new Map<string, Uint8Array>();
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const [, first = "", rest = ""] = /^\/([^/]*)(.*)$/.exec(path) ?? [];
    const from = others[first];
    const file = from === undefined ? join(folder, path === "/" ? "index.html" : path) : join(from, rest);
    const bytes = path.includes("..") ? undefined : await readFile(file).catch(() => undefined);
    if (!bytes) return void response.writeHead(404).end();
    if (extname(file) === ".js") scripts.set(path, bytes);
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream").end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    scripts,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
