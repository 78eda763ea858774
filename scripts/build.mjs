// Builds the package: dist/index.js for Node and Deno, dist/browser.js for browsers, dist/cli.js for the command line,
// the chunks they share or import on demand, source maps, and declarations in dist/types. Prints what a user downloads.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { COMMON, ROOT, withoutNode } from "./bundle.mjs";

const dist = join(ROOT, "dist");

/** Leaves comments out of shaders. Lines stay where they are, so that a compiler's message fits the source. */
const shaders = {
  name: "shaders",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      return { contents: source.replace(/[ \t]*\/\/.*$/gm, ""), loader: "text" };
    });
  },
};

async function bundle(entries, plugins = []) {
  const present = Object.entries(entries).filter(([, path]) => existsSync(join(ROOT, path)));
  const { metafile } = await build({
    ...COMMON,
    entryPoints: Object.fromEntries(present),
    outdir: dist,
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    platform: "neutral",
    packages: "external",
    external: ["node:*"],
    minify: true,
    sourcemap: true,
    metafile: true,
    plugins: [shaders, ...plugins],
  });
  return metafile.outputs;
}

/** tsc leaves the `.ts` of relative imports as it is; in a package they mean the `.js` beside the declaration. */
async function declarations() {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  const folder = join(dist, "types");
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const path = join(folder, name);
    const text = (await readFile(path, "utf8")).replace(/((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"');
    await writeFile(path, text);
  }
}

/** An entry and all that it imports before it runs. */
function staticFiles(outputs, entry) {
  const files = new Set([entry]);
  for (const file of files) {
    for (const { path, kind, external } of outputs[file].imports) {
      if (kind === "import-statement" && !external) files.add(path);
    }
  }
  return [...files];
}

await rm(dist, { recursive: true, force: true });
const outputs = {
  ...(await bundle({ index: "src/index.ts", cli: "src/cli/main.ts" })),
  ...(await bundle({ browser: "src/index.ts" }, [withoutNode])),
};
await declarations();
if (existsSync(join(dist, "cli.js"))) await chmod(join(dist, "cli.js"), 0o755);
for (const entry of ["dist/index.js", "dist/browser.js", "dist/cli.js"].filter((path) => path in outputs)) {
  const code = Buffer.concat(await Promise.all(staticFiles(outputs, entry).map((path) => readFile(join(ROOT, path)))));
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(`${entry}: ${kilobytes(code.length)}, ${kilobytes(gzipSync(code, { level: 9 }).length)} gzipped`);
}
