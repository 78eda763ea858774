// Every page of the site: it opens without a word on the console, axe finds nothing serious, nothing is wider than a
// narrow phone, and it is small before its models come. Also what is there without WebGPU, and the policy it keeps.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Site } from "./site.ts";

const PAGES = ["index", "search", "see", "cut", "follow", "verify"];

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site?.[Symbol.asyncDispose]());

describe.each(PAGES)("%s.html", (name) => {
  it("is accessible, fits 360 pixels and logs nothing", async () => {
    const visit = await site.visit(`${name}.html`);
    await visit.until("the adapter's name", "document.getElementById('adapter').textContent !== ''");
    await visit.until("a quiet page", "!document.querySelector('.model-box .progress:not([hidden])')");
    await visit.check();
    await visit.shoot(name === "search" ? "search-empty" : name);
    await visit.page.close();
  });

  it("takes 200 KB at most before its models, gzipped", async () => {
    const folder = site.folder;
    const html = await readFile(join(folder, `${name}.html`), "utf8");
    const files = new Set([`${name}.html`, "theme.js", "style.css", `${name}.js`, "worker-thread.js"]);
    for (const file of files) {
      if (!file.endsWith(".js")) continue;
      const code = await readFile(join(folder, file), "utf8");
      for (const [, path] of code.matchAll(/(?:^|[;}\n])import(?:[^"'()]*from)?"\.\/([^"]+)"/g))
        files.add(path as string);
    }
    for (const [, path] of html.matchAll(/<img src="([^"]+)"/g)) files.add(path as string);
    let bytes = 0;
    for (const file of files) bytes += gzipSync(await readFile(join(folder, file))).length;
    console.log(`${name}: ${(bytes / 1000).toFixed(1)} kB gzipped in ${files.size} files`);
    expect(bytes).toBeLessThanOrEqual(200_000);
    expect(files.size).toBeGreaterThan(4);
  });

  it("keeps to a strict policy", async () => {
    const html = await readFile(join(site.folder, `${name}.html`), "utf8");
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|wasm|\*[ ;]/);
    expect(html).not.toMatch(/ style=| on\w+=|<script>/);
  });
});

it("loads only scripts and styles of its own", async () => {
  const code = await Promise.all(
    (await readdir(site.folder))
      .filter((name) => name.endsWith(".js"))
      .map((name) => readFile(join(site.folder, name), "utf8")),
  );
  expect(code.length).toBeGreaterThan(5);
  for (const text of code) expect(text).not.toMatch(/\beval\(|new Function\(|WebAssembly/);
});

const withoutGpu = (page: Page) =>
  page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined }));
const withoutAdapter = (page: Page) =>
  page.evaluateOnNewDocument(() => {
    GPU.prototype.requestAdapter = async () => null;
  });

it.each([
  ["no WebGPU", withoutGpu, "offers no WebGPU"],
  ["no adapter", withoutAdapter, "found no graphics adapter"],
])("with %s it says what to enable", async (_, before, words) => {
  const visit = await site.visit("search.html", before);
  await visit.sees("Turn on WebGPU");
  await visit.sees(words);
  await visit.sees("looks like yours");
  const first = await visit.text(".browsers li.is-yours h3");
  expect(first).toContain("Chrome");
  await visit.check();
  await visit.shoot("no-webgpu");
  await visit.page.close();
});

it("remembers the colours that were chosen", async () => {
  const visit = await site.visit("index.html");
  const theme = () => visit.page.evaluate(() => document.documentElement.dataset.theme);
  expect(await theme()).toBeUndefined();
  await visit.press("Dark colours");
  expect(await theme()).toBe("dark");
  await visit.page.goto(`${site.url}verify.html`);
  expect(await theme()).toBe("dark");
  await visit.press("Light colours");
  expect(await theme()).toBe("light");
});
