// Runs the programs that the documentation has for browsers, in a real Chromium: each in a page of its own, where the
// Hub is this repository's checkpoints. A program must end without an error and show something on the page.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleForBrowser } from "../../scripts/bundle.mjs";
import { HUB_URL } from "../../src/io/source/hubId.ts";
import { startChromium } from "../browser/chromium.ts";
import { PAGES, type Program, programsOf, ROOT } from "./blocks.ts";
import { bundleForPage, MODELS, Workplace } from "./workplace.ts";

const programs = PAGES.flatMap(programsOf).filter(({ where }) => where === "browser");
const THREAD = join(ROOT, "src/worker/thread.ts");
const MOST_MS = 240_000;

let place: Workplace;
let server: Server;
let origin: string;
let browser: Browser;
/** Scripts by path. */
const scripts = new Map<string, string>();

/** What is at a path: a script, a page that runs one, a file of a model on the Hub, or a photo. */
async function contentOf(path: string): Promise<{ type: string; body: string | Uint8Array }> {
  const script = scripts.get(path);
  if (script !== undefined) return { type: "text/javascript", body: script };
  const [, page] = /^\/page(\d+)$/.exec(path) ?? [];
  const head = '<!doctype html><link rel="icon" href="data:,">';
  if (page) return { type: "text/html", body: `${head}<body><script type="module" src="${page}.js"></script>` };
  const [, id = "", name = ""] = /^\/([^/]+\/[^/]+)\/resolve\/main\/([\w.-]+)$/.exec(path) ?? [];
  const file = MODELS[id] ? join(ROOT, "checkpoints", MODELS[id], name) : join(place.folder, path);
  return { type: "application/octet-stream", body: await readFile(file) };
}

beforeAll(async () => {
  place = await Workplace.make();
  server = createServer((request, response) => {
    contentOf(decodeURIComponent(request.url ?? "")).then(
      ({ type, body }) => response.setHeader("content-type", type).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const here = (script: string) => script.replaceAll(HUB_URL, origin);
  scripts.set("/worker-thread.js", here(new TextDecoder().decode(await bundleForBrowser(THREAD))));
  for (const [i, program] of programs.entries()) scripts.set(`/${i}.js`, here(await bundleForPage(program)));
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  await place?.remove();
});

it.each(programs.map((program, i) => [program.name, program, i] as const))(
  "%s runs in Chromium",
  async (name: string, _: Program, i: number) => {
    const tab = await browser.newPage();
    try {
      const problem = new Promise<string>((resolve) => tab.once("pageerror", (error) => resolve(String(error))));
      await tab.goto(`${origin}/page${i}`, { waitUntil: "load" });
      const ended = tab.waitForFunction(() => "isDone" in globalThis, { timeout: MOST_MS }).then(() => undefined);
      expect(await Promise.race([problem, ended])).toBeUndefined();
      const shown = await tab.evaluate(() => document.body.textContent.trim());
      console.log(`${name} shows: ${shown}`);
      expect(shown).not.toBe("");
    } finally {
      await tab.close();
    }
  },
);
