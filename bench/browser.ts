// Ours against onnxruntime-web's WebGPU and TensorFlow.js' in Chromium: contests in one page each, cold starts in a
// fresh one for each arm, and what a browser downloads for either.
import { createReadStream } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { bundleForBrowser } from "../scripts/bundle.mjs";
import { openDevice } from "../src/device/open.ts";
import { isCpu } from "../src/kernels/variants.ts";
import { quantile } from "../src/verify/timing/measure.ts";
import { startChromium } from "../test/browser/chromium.ts";
import { type ContestResult, messageOf } from "./contest.ts";
import { CONTESTS, type Contest } from "./contests.ts";
import type { Page } from "./page.ts";
import { filledGraph, installPeers, PEER_FOLDER, PEERS } from "./peerFiles.ts";
import { chosenContests, FILES, rowsOf } from "./peers.ts";
import { coldText, contestText } from "./print.ts";
import { type ColdResult, circumstances, downloadOf, type Report, versionsOf } from "./report.ts";

declare const page: Page;

export interface BrowserOptions {
  readonly rounds: number;
  readonly only: string;
  readonly isLarge: boolean;
  readonly say: (text: string) => void;
  readonly onProgress: (text: string) => void;
  readonly onResult: (section: NonNullable<Report["browser"]>) => void;
}

const MODULES = join(PEER_FOLDER, "node_modules");
const ONNX_FILES = [
  "ort.webgpu.min.mjs",
  "ort-wasm-simd-threaded.asyncify.mjs",
  "ort-wasm-simd-threaded.asyncify.wasm",
];

// A page may be busy for long: models take a quarter of a minute for a run on a CPU adapter.
const PROTOCOL_TIMEOUT_MS = 3_600_000;

export async function benchBrowser(options: BrowserOptions): Promise<void> {
  const { rounds, only, isLarge, say, onProgress, onResult } = options;
  installPeers(Object.keys(PEERS) as (keyof typeof PEERS)[]);
  const server = await serve();
  // On a machine with a GPU the browser uses it too.
  const browser = await startChromium({ onCpu: await isSoftware(), protocolTimeout: PROTOCOL_TIMEOUT_MS });
  const around = await circumstancesOf(browser, rounds);
  const results: ContestResult[] = [];
  const cold: ColdResult[] = [];
  const download = downloadOf(ONNX_FILES.map((file) => join(MODULES, "onnxruntime-web", "dist", file)));
  const publish = () => onResult({ ...around, results, cold, download });
  try {
    const chosen = chosenContests(only, isLarge);
    for (const contest of chosen) {
      onProgress(`${contest.what}, in Chromium`);
      try {
        results.push(await inPage(browser, server.url, (name, count) => page.run(name, count), contest.name, rounds));
        say(contestText(results.at(-1) as ContestResult));
      } catch (error) {
        say(`${contest.what}: ${messageOf(error)}`);
        process.exitCode = 1;
      }
      publish();
    }
    for (const contest of chosen.filter(({ weights, isLarge }) => weights && "golden" in weights && !isLarge)) {
      onProgress(`${contest.what}, cold start`);
      cold.push(await coldStarts(browser, server.url, contest, Math.min(3, rounds)));
      publish();
    }
    if (cold.length) say(coldText(cold));
  } finally {
    await browser.close();
    server.close();
  }
}

async function isSoftware(): Promise<boolean> {
  using device = await openDevice();
  return isCpu(device.info.class);
}

async function circumstancesOf(browser: Browser, rounds: number) {
  const versions = { ...versionsOf(Object.keys(PEERS), MODULES), chromium: await browser.version() };
  return circumstances({ rounds, runtime: await browser.version(), versions });
}

/** Runs a function in a page of a context of its own, so that nothing is cached from another. */
async function inPage<A extends readonly unknown[], T>(
  browser: Browser,
  url: string,
  run: (...given: A) => Promise<T>,
  ...given: A
): Promise<T> {
  const context = await browser.createBrowserContext();
  try {
    const tab = await context.newPage();
    await tab.goto(url, { waitUntil: "load" });
    return (await tab.evaluate(run as never, ...given)) as T;
  } finally {
    await context.close();
  }
}

/** Ours and each graph of the peer in turns, in pages of their own. A graph that fails has no times. */
async function coldStarts(browser: Browser, url: string, { name, what, graphs }: Contest, times: number) {
  const ms: Record<string, number[]> = {};
  const [graph] = graphs;
  for (let i = 0; i < times; i++) {
    for (const arm of i % 2 ? [graph, undefined] : [undefined, graph]) {
      const side = arm ? "onnxruntime-web" : "webgpu-vision";
      try {
        const took = await inPage(browser, url, (id, file) => page.cold(id, file), name, arm);
        (ms[side] ??= []).push(took);
      } catch (error) {
        console.error(`bench: ${what}, cold start of ${side}: ${messageOf(error)}`);
      }
    }
  }
  const median = (side: string) => quantile(ms[side] ?? [], 0.5);
  const ratio = median("webgpu-vision") / median("onnxruntime-web");
  return { name, what, ms, ...(Number.isFinite(ratio) && { ratio }) };
}

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
};

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';

async function serve() {
  const code = await bundleForBrowser("bench/page.ts");
  const server = createServer((request, response) => {
    answer(request, response, code).catch((error) => response.writeHead(404).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
}

async function answer(request: IncomingMessage, response: ServerResponse, code: Uint8Array): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [, kind = "", name = "", graph = ""] = pathname.split("/");
  if (pathname === "/") return void response.setHeader("content-type", "text/html").end(PAGE);
  if (kind === "page.js") return void response.setHeader("content-type", TYPES.js as string).end(code);
  if (kind === "peers" && /^\/peers\/[\w@/.-]+$/.test(pathname) && !pathname.includes("..")) {
    return sendFile(join(MODULES, pathname.slice("/peers/".length)), response);
  }
  const contest = CONTESTS.find((one) => one.name === name);
  if (!contest) return void response.writeHead(404).end();
  if (kind === "config") return void response.end(JSON.stringify(await FILES.config(contest)));
  if (kind === "weights") {
    const weights = await FILES.weights(contest);
    return typeof weights === "string" ? sendFile(weights, response) : void response.end(weights);
  }
  const path = await filledGraph(graph.replace(/\.data$/, ""), rowsOf(contest));
  sendFile(graph.endsWith(".data") ? `${path}.data` : path, response);
}

function sendFile(path: string, response: ServerResponse): void {
  response.setHeader("content-type", TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream");
  createReadStream(path)
    .once("error", () => response.writeHead(404).end())
    .pipe(response);
}
