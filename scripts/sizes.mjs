// What pages that use the built package download: each imports some of it, and is bundled and minified as an
// application would be, in chunks. `npm run size` holds the results to the limits in package.json.
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "./bundle.mjs";

/** Pages by name. The tokenizer's library, a package of its own, is left out; all is everything that there is. */
const PAGES = {
  clip: 'export { Clip } from "webgpu-vision";',
  dino: 'export { Dino } from "webgpu-vision";',
  sam: 'export { Sam } from "webgpu-vision";',
  worker: 'export * from "webgpu-vision/worker";',
  all: 'export * from "webgpu-vision";',
  nothing: 'import "webgpu-vision";',
};

const folder = join(ROOT, ".cache", "sizes");

/** An entry and all that it imports before it runs. */
function staticFiles(outputs, entry) {
  const files = new Set([entry]);
  for (const file of files) {
    for (const { path, kind, external } of outputs[file].imports) {
      if (kind === "import-statement" && !external) files.add(path);
    }
  }
  return files;
}

/** Bundles a page into .cache/sizes/NAME/, what it imports on demand into later/ there. */
async function bundlePage(page, contents) {
  const { metafile } = await build({
    stdin: { contents, resolveDir: ROOT },
    absWorkingDir: ROOT,
    outdir: join(folder, page),
    entryNames: page,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    external: ["@huggingface/tokenizers"],
    metafile: true,
    logOverride: { "ignored-bare-import": "silent" },
  });
  return metafile.outputs;
}

async function gzippedSize(paths) {
  const sizes = await Promise.all(
    [...paths].map(async (path) => gzipSync(await readFile(join(ROOT, path)), { level: 9 }).length),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of each page, as they are and gzipped: before its first call, and on demand. */
export async function measurePages() {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return Promise.all(
    Object.entries(PAGES).map(async ([page, contents]) => {
      const outputs = await bundlePage(page, contents);
      const entry = Object.keys(outputs).find((path) => basename(path) === `${page}.js`);
      const first = staticFiles(outputs, entry);
      const later = Object.keys(outputs).filter((path) => !first.has(path));
      const bytes = [...first].reduce((sum, path) => sum + outputs[path].bytes, 0);
      return { page, bytes, gzipped: await gzippedSize(first), later: await gzippedSize(later) };
    }),
  );
}
