// What pages that use the built package download: each imports some of it and is bundled by Rolldown, as Vite bundles
// an application, but without the 0.75 KB that Vite adds of its own to a page that imports on demand. Written into
// .cache/sizes/PAGE/first, what it loads before its first call, and later, what it loads when it is needed.
// `npm run size` holds them to the limits in package.json.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { ROOT } from "./bundle.mjs";

/** Pages by name. The tokenizer's library is a package of its own and is left out. */
const PAGES = {
  clip: 'import { Clip } from "webgpu-vision"; globalThis.page = Clip;',
  dino: 'import { Dino } from "webgpu-vision"; globalThis.page = Dino;',
  sam: 'import { Sam } from "webgpu-vision"; globalThis.page = Sam;',
  worker: 'import * as worker from "webgpu-vision/worker"; globalThis.page = worker;',
  all: 'import * as all from "webgpu-vision"; globalThis.page = all;',
  nothing: 'import "webgpu-vision";',
};

/** What the worker's page starts by its address, which Rolldown alone leaves to the page. */
const THREAD = join(ROOT, "dist", "browser", "src", "worker", "worker-thread.js");

const folder = join(ROOT, ".cache", "sizes");

async function bundlePage(name, text) {
  const path = join(folder, `${name}.js`);
  await writeFile(path, text);
  const external = ["@huggingface/tokenizers"];
  const bundle = await rolldown({ cwd: ROOT, input: path, external, platform: "browser", logLevel: "silent" });
  const { output } = await bundle.generate({ format: "es", minify: true });
  await bundle.close();
  return new Map(output.map((chunk) => [chunk.fileName, chunk]));
}

/** The entry and all that it imports before it runs. */
function staticFiles(chunks) {
  const files = new Set([...chunks.values()].filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const file of files) for (const path of chunks.get(file).imports) if (chunks.has(path)) files.add(path);
  return files;
}

/** Writes files of a bundle, and gives the sum of their gzipped bytes. */
async function write(chunks, into) {
  await mkdir(into, { recursive: true });
  let sum = 0;
  for (const { fileName, code, source = code } of chunks) {
    await writeFile(join(into, basename(fileName)), source);
    sum += gzipSync(source, { level: 9 }).length;
  }
  return sum;
}

/** Gzipped bytes of each page: before its first call, and what it may load later. */
export async function measurePages() {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const sizes = [];
  for (const [page, text] of Object.entries(PAGES)) {
    const chunks = await bundlePage(page, text);
    const first = staticFiles(chunks);
    const atOnce = [...chunks.values()].filter(({ fileName }) => first.has(fileName));
    const later = [...chunks.values()].filter(({ fileName }) => !first.has(fileName));
    if (page === "worker") later.push({ fileName: "worker-thread.js", source: await readFile(THREAD) });
    const into = (name) => join(folder, page, name);
    sizes.push({
      page,
      first: await write(atOnce, into("first")),
      later: await write(later, into("later")),
    });
  }
  return sizes;
}
