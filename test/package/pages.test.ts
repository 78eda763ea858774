// Pages that use the package as it was installed: bundled by esbuild and by Vite, opened in Chromium, where the models
// that ship give the right result; and what such a page has downloaded by then.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import type { Browser } from "puppeteer-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startChromium } from "../browser/chromium.ts";
import { ROOT } from "./install.ts";
import { type FolderServer, serveFolder } from "./serveFolder.ts";

const { folder } = inject("installed");
const KILOBYTE = 1024;

/**
 * Not counted: the tokenizer's library, what Vite adds of its own for imports on demand, and the loops that Chromium's
 * SwiftShader takes here and GPUs do not.
 */
const APART = /tokenizers|preload-helper|RegisterTile|winograd|layerNormRows|relativeElements/;

/** The most that a page with one model may have downloaded before its first result, gzipped. */
const MOST_BYTES = 64 * KILOBYTE;

/** A page for each model, and what its `run` gives. */
const PAGES = {
  clip: {
    script: `
      import { Clip } from "webgpu-vision";
      globalThis.run = async () => {
        using clip = await Clip.fromPretrained(new URL("checkpoints/tiny-clip", location.href));
        const [best] = await clip.classify("photos/chelsea.png", ["ship", "cat", "truck"]);
        return best.label;
      };`,
    result: "cat",
  },
  // Of f32 weights, as DINO and SAM are published: those of another type bring the kernel that converts them.
  dino: {
    script: `
      import { Dino } from "webgpu-vision";
      globalThis.run = async () => {
        using dino = await Dino.fromPretrained(new URL("golden/small-dino", location.href));
        const { cls, patches, grid } = await dino.encodeImage("photos/chelsea.png");
        return cls.shape[0] === 1 && patches.shape[1] === grid[0] * grid[1] && cls.data.every(Number.isFinite);
      };`,
    result: true,
  },
  sam: {
    script: `
      import { Sam } from "webgpu-vision";
      globalThis.run = async () => {
        using sam = await Sam.fromPretrained(new URL("golden/small-sam", location.href));
        using scene = await sam.encodeImage("photos/chelsea.png");
        const masks = await scene.predict({ points: [{ x: 200, y: 150 }] });
        return masks.map(({ mask, width, height }) => mask.length === width * height).join();
      };`,
    result: "true,true,true",
  },
} as const;

const WORKER = `
  import { Clip } from "webgpu-vision/worker";
  globalThis.run = async () => {
    const clip = await Clip.fromPretrained(new URL("checkpoints/tiny-clip", location.href));
    const [best] = await clip.classify("photos/chelsea.png", ["ship", "cat", "truck"]);
    await clip.dispose();
    return best.label;
  };`;

type Name = keyof typeof PAGES;

/** A folder with a page's sources, where bundlers find the installed package. */
async function sourcesOf(name: string, script: string): Promise<string> {
  const sources = join(folder, "pages", name);
  await mkdir(sources, { recursive: true });
  await writeFile(join(sources, "page.js"), script);
  const icon = '<link rel="icon" href="data:,">';
  await writeFile(join(sources, "index.html"), `<!doctype html>${icon}<script type="module" src="./page.js"></script>`);
  return sources;
}

/** Bundles with esbuild into one file. */
async function bundled(name: Name): Promise<string> {
  const sources = await sourcesOf(name, PAGES[name].script);
  const out = join(sources, "esbuild");
  const options = { bundle: true, minify: true, format: "esm", platform: "browser", metafile: true } as const;
  const { metafile } = await esbuild({ ...options, entryPoints: [join(sources, "page.js")], outdir: out });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  expect(imports.filter((path) => /^(node:|webgpu$|sharp$)/.test(path))).toEqual([]);
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
  await writeFile(join(out, "index.html"), html);
  return out;
}

/** Builds with Vite, with files of their own for the tokenizer's library and for what Vite adds. */
async function built(name: string, script: string): Promise<string> {
  const root = await sourcesOf(name, script);
  const groups = [
    { name: "tokenizers", test: /@huggingface[\\/]tokenizers/ },
    { name: "preload-helper", test: /preload-helper/ },
  ];
  const output = { codeSplitting: { groups } };
  const options = { target: "esnext", modulePreload: false, rolldownOptions: { output } } as const;
  await vite({ root, configFile: false, logLevel: "error", build: options });
  return join(root, "dist");
}

let browser: Browser;

beforeAll(async () => {
  browser = await startChromium();
});

afterAll(() => browser?.close());

/** Opens a page, calls its `run`, and holds it to printing nothing. */
async function runPage(server: FolderServer): Promise<unknown> {
  const tab = await browser.newPage();
  const said: string[] = [];
  tab.on("console", (message) => said.push(message.text()));
  tab.on("pageerror", (error) => said.push(String(error)));
  await tab.goto(server.url, { waitUntil: "load" });
  const result = await tab.evaluate(() => (globalThis as unknown as { run(): Promise<unknown> }).run());
  await tab.close();
  expect(said.filter((text) => !/software|fallback adapter/i.test(text))).toEqual([]);
  return result;
}

const others = {
  checkpoints: join(ROOT, "checkpoints"),
  golden: join(ROOT, "test/golden"),
  photos: join(ROOT, "demos/photos"),
};

describe.each(Object.keys(PAGES) as Name[])("a page with %s", (name) => {
  it("runs, bundled by esbuild", async () => {
    await using server = await serveFolder(await bundled(name), others);
    expect(await runPage(server)).toEqual(PAGES[name].result);
  });

  it("runs, built by Vite, and downloads no more than it should before its first result", async () => {
    await using server = await serveFolder(await built(name, PAGES[name].script), others);
    expect(await runPage(server)).toEqual(PAGES[name].result);
    const counted = [...server.scripts].filter(([path]) => !APART.test(path));
    const sizes = [...server.scripts].map(([path, bytes]) => `${path} ${gzipSync(bytes, { level: 9 }).length}`);
    const total = counted.reduce((sum, [, bytes]) => sum + gzipSync(bytes, { level: 9 }).length, 0);
    console.log(`a page with ${name}: ${(total / KILOBYTE).toFixed(1)} KB gzipped before its first result`);
    expect(total, sizes.join("\n")).toBeLessThanOrEqual(MOST_BYTES);
  });
});

it("a page with webgpu-vision/worker runs, built by Vite", async () => {
  await using server = await serveFolder(await built("worker", WORKER), others);
  expect(await runPage(server)).toBe("cat");
  expect([...server.scripts.keys()].filter((path) => path.includes("worker-thread"))).toHaveLength(1);
});
