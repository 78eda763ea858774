// Builds the package:
//   dist/index.js, verification.js, video.js, search.js, cli.js
//                                    for Node and Deno, with the chunks that they share or import on demand
//   dist/browser/                    for browsers and their bundlers: a module for each source file, so that a page
//                                    leaves out what it does not use and loads on demand what it may never need
//   dist/browser/src/worker/worker-thread.js   the script of the worker, whole: a browser runs it as it is
//   dist/webgpu-vision.min.js        for pages without a bundler: all of it in one file, with the packages it needs
//   dist/THIRD_PARTY_LICENSES.txt    the terms of those packages: scripts/notices.mjs
//   dist/types/                      declarations: scripts/declarations.mjs
//   dist/openapi.json, types/openapi.d.ts   what `webgpu-vision serve` answers, for clients in any language and in this
//   worker/, verify/, video/, search/      what "exports" says, for tools that look for a folder instead
// Prints what a page downloads: scripts/sizes.mjs.
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import openapiTS, { astToString } from "openapi-typescript";
import { bundleForNode, COMMON, matrixFunctions, ROOT } from "./bundle.mjs";
import { writeDeclarations } from "./declarations.mjs";
import { minifyWgsl, shaderNames } from "./minifyWgsl.mjs";
import { noticesOf } from "./notices.mjs";
import { measurePages } from "./sizes.mjs";

const dist = join(ROOT, "dist");

const NODE_ENTRIES = {
  index: "src/index.ts",
  verification: "src/verification.ts",
  video: "src/video.ts",
  search: "src/search.ts",
  cli: "src/cli/main.ts",
};
const PAGE_ENTRIES = ["src/index.ts", "src/verification.ts", "src/video.ts", "src/search.ts", "src/worker/index.ts"];

async function shadersIn(folder) {
  const files = (await readdir(join(ROOT, folder), { recursive: true })).filter((name) => /\.wgsl$/.test(name));
  return Promise.all(files.map((name) => readFile(join(ROOT, folder, name), "utf8")));
}

const names = shaderNames([...(await shadersIn("shaders")), ...(await shadersIn("src"))]);

const shaders = {
  name: "shaders",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => {
      return { contents: minifyWgsl(await readFile(path, "utf8"), names), loader: "text" };
    });
  },
};

const { version, peerDependencies, exports } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));

/** An import of an optional package, when it is needed. */
const OPTIONAL = new RegExp(`(?<!typeof )\\bimport\\(("(?:${Object.keys(peerDependencies).join("|")})")\\)`, "g");

/** A page has no disk and no packages of Node's: what depends on them goes, and the modules that only it imports. */
const forPages = {
  name: "forPages",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source
        .replace(/(?<!\bimport\b[^;]*|const )\bHAS_DISK\b/g, "false")
        .replace(/(?<!typeof )\bimport\("node:.*"\)/g, "Promise.reject()")
        .replace(OPTIONAL, "Promise.reject()");
      return { contents, loader: "ts" };
    });
  },
};

/**
 * Optional packages are found when the program runs. A bundler for servers that looked for them would fail where one is
 * not installed, and could not pack the native code of one that is.
 */
const optionalPackages = {
  name: "optionalPackages",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const unseen = "import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ String($1))";
      return { contents: (await readFile(path, "utf8")).replace(OPTIONAL, unseen), loader: "ts" };
    });
  },
};

/** Leaves imports of our own files where they are, under the names that those have in dist. */
const asModules = {
  name: "asModules",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind }) => {
      if (kind === "entry-point") return;
      return { path: path.replace(/\.ts$/, ".js").replace(/\.wgsl$/, ".wgsl.js"), external: true };
    });
  },
};

// `typeof process` tells Node from pages: here it is known.
const PAGE = { define: { process: "undefined" } };
const OPTIONS = { ...COMMON, platform: "neutral", sourcemap: true, legalComments: "none" };

/** Not minified: users read it in stack traces, and names of classes in what is printed. */
function forNode() {
  return build({
    ...OPTIONS,
    entryPoints: NODE_ENTRIES,
    outdir: dist,
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    packages: "external",
    plugins: [shaders, optionalPackages],
  });
}

/** Not minified: bundlers do that, and spaces go together with the annotations that they need. */
async function modulesForPages() {
  const page = { ...OPTIONS, ...PAGE, minifySyntax: true, packages: "external" };
  const plan = { entryPoints: PAGE_ENTRIES, outdir: dist, write: false, metafile: true };
  const plugins = [shaders, matrixFunctions, forPages];
  const { metafile } = await build({ ...page, ...plan, plugins });
  const files = Object.keys(metafile.inputs).filter((path) => /^(src|shaders)\//.test(path));
  const entryPoints = files.map((path) => ({ in: path, out: path.replace(/\.ts$/, "") }));
  await build({ ...page, entryPoints, outdir: join(dist, "browser"), plugins: [...plugins, asModules] });
}

function fileForPages(entry, name) {
  const outfile = join(dist, name);
  const plugins = [shaders, matrixFunctions, forPages];
  const options = { entryPoints: [entry], outfile, minify: true, metafile: true, plugins };
  return build({ ...OPTIONS, ...PAGE, ...options, mainFields: ["module", "main"], conditions: ["browser"] });
}

/**
 * Parcel, and TypeScript with the resolution node10, look for a folder where "exports" has a path: one for each path
 * with types, which leads to the same files.
 */
async function foldersForExports() {
  for (const [path, { types, browser, default: main }] of Object.entries(exports)) {
    if (path === "." || !types || main.endsWith(".json")) continue;
    const beside = (file) => file && join("..", file);
    await mkdir(join(ROOT, path), { recursive: true });
    const text = JSON.stringify({ type: "module", main: beside(main), browser: beside(browser), types: beside(types) });
    await writeFile(join(ROOT, path, "package.json"), `${text}\n`);
  }
}

/** The server's OpenAPI document, and the types of its requests and answers for TypeScript. */
async function serverDocument() {
  const { openApiDocument } = await import(await bundleForNode("src/server/document.ts"));
  const document = await openApiDocument(version);
  await writeFile(join(dist, "openapi.json"), JSON.stringify(document));
  await writeFile(join(dist, "types", "openapi.d.ts"), astToString(await openapiTS(document)));
}

await rm(dist, { recursive: true, force: true });
const [whole, worker] = await Promise.all([
  fileForPages("src/index.ts", "webgpu-vision.min.js"),
  fileForPages("src/worker/thread.ts", "browser/src/worker/worker-thread.js"),
  forNode(),
  modulesForPages(),
]);
await writeFile(join(dist, "THIRD_PARTY_LICENSES.txt"), await noticesOf([whole.metafile, worker.metafile]));
await Promise.all([writeDeclarations(), foldersForExports()]);
await serverDocument();
await chmod(join(dist, "cli.js"), 0o755);
for (const { page, first, later } of await measurePages()) {
  const kilobytes = (n) => `${(n / 1024).toFixed(1)} KB`;
  console.log(`a page with ${page}: ${kilobytes(first)} gzipped, and ${kilobytes(later)} more when it needs them all`);
}
