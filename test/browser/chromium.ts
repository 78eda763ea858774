// A real Chromium with WebGPU on SwiftShader, and a local server that gives it pages: what every browser test starts
// from.
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { bundleForBrowser } from "../../scripts/bundle.mjs";
import { unpack } from "../../src/device/unpack.ts";

/** A name of this machine that is not "localhost": over plain http its pages are no secure context. */
export const PLAIN_HOST = "plain.test";

const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
  "--no-proxy-server", // all that tests ask for is on this machine
  `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`,
];

export interface ChromiumOptions {
  /** SwiftShader on every machine (default), as tests are about the browser: GPUs are tested in Node. */
  readonly onCpu?: boolean;
  /** Milliseconds that a page may be busy. */
  readonly protocolTimeout?: number;
}

/** Starts Chromium: the one that PUPPETEER_EXECUTABLE_PATH names, else the one that @sparticuz/chromium carries. */
export async function startChromium({
  onCpu = true,
  protocolTimeout = 300_000,
}: ChromiumOptions = {}): Promise<Browser> {
  const args = onCpu ? [...FLAGS, "--use-webgpu-adapter=swiftshader"] : FLAGS;
  const options = { args, headless: "shell", pipe: true, protocolTimeout } as const;
  const executablePath = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (executablePath) return puppeteer.launch({ ...options, executablePath: executablePath });
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  const archives = ["chromium.br", "swiftshader.tar.br", "al2023.tar.br", "fonts.tar.br"];
  const folder = await unpack({ entry, name: "chromium", archives });
  await writeFile(join(folder, "fonts.conf"), fontsConf(join(folder, "fonts")));
  // A bare Debian lacks libnss3 and libnspr4; the package's libraries for Amazon Linux run there too.
  const env = { ...process.env, LD_LIBRARY_PATH: join(folder, "lib"), FONTCONFIG_PATH: folder };
  return puppeteer.launch({ ...options, executablePath: join(folder, "chromium"), env });
}

/** Its own fonts, and the machine's for what they lack: without any, a page with text ends the browser. */
function fontsConf(folder: string): string {
  const alias = (family: string, prefer: string) =>
    `<alias><family>${family}</family><prefer><family>${prefer}</family></prefer></alias>`;
  return (
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>' +
    `<dir>${folder}</dir><dir>/usr/share/fonts</dir><cachedir>${join(folder, "cache")}</cachedir>` +
    `${alias("sans-serif", "Open Sans")}${alias("monospace", "DejaVu Sans Mono")}</fontconfig>`
  );
}

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';

function sendFile(path: string, response: ServerResponse): void {
  const file = createReadStream(path);
  file.once("error", () => response.writeHead(404).end());
  file.pipe(response);
}

/** A server of one page. */
export interface PageServer extends AsyncDisposable {
  readonly url: string;
}

const ROOT = join(import.meta.dirname, "../..");
const THREAD = join(ROOT, "src/worker/thread.ts");

/**
 * Bundles a script for the browser and serves a page that runs it, the worker's script, and the checkpoints, photos and
 * goldens of this repository.
 */
export async function servePage(script: string, html = PAGE): Promise<PageServer> {
  const code = await bundleForBrowser(script);
  let thread: Promise<Uint8Array> | undefined;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const sendScript = (source: Uint8Array) => response.setHeader("content-type", "text/javascript").end(source);
    if (pathname === "/page.js") sendScript(code);
    else if (pathname === "/worker-thread.js") sendScript(await (thread ??= bundleForBrowser(THREAD)));
    else if (pathname === "/") response.setHeader("content-type", "text/html").end(html);
    else if (/^\/(checkpoints|demos\/photos|test\/golden)\/[\w./-]+$/.test(pathname))
      sendFile(join(ROOT, pathname), response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
