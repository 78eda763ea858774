// The bundles of this repository: what every build has in common, one TypeScript file for Node or Deno, one for a
// browser.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  target: "es2022",
  loader: { ".wgsl": "text" },
  logLevel: "warning",
};

/**
 * For browsers: puts an empty module in the place of what only Node has, which is Node's own modules, the packages that
 * are optional there, and every file of ours that imports one of Node's modules at its top.
 */
export const withoutNode = {
  name: "withoutNode",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:.*|webgpu|sharp|@imagemagick\/magick-wasm|@napi-rs\/canvas)$/ }, ({ path }) => ({
      path,
      namespace: "node",
    }));
    onResolve({ filter: /^\..*\.ts$/ }, async ({ path, resolveDir }) => {
      const source = await readFile(join(resolveDir, path), "utf8");
      return /^import\b[^;]*\bfrom "node:/m.test(source) ? { path, namespace: "node" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "node" }, () => ({ contents: "module.exports = {};" }));
  },
};

/**
 * For pages: wgpu-matrix makes its functions within one function, which no bundler can take apart, so that a page would
 * carry all 10 KB of it. This makes a module of each of its float64 sets (mat3d, vec3d ...), and a page has the
 * functions that it calls.
 */
export const matrixFunctions = {
  name: "matrixFunctions",
  setup({ onResolve, onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(/^import \{ (.*) \} from "wgpu-matrix";$/m, (_, names) =>
        names.replace(/(\w+)(, )?/g, 'import * as $1 from "wgpu-matrix/$1"; '),
      );
      return contents === source ? undefined : { contents, loader: "ts" };
    });
    onResolve({ filter: /^wgpu-matrix\/\w+d$/ }, ({ path }) => ({ path, namespace: "functions" }));
    onLoad({ filter: /.*/, namespace: "functions" }, async ({ path }) => {
      const { [basename(path)]: set, utils } = await import("wgpu-matrix");
      // Some functions have a second name.
      const functions = Object.entries(set).filter(([name, call]) => call.name === name);
      const others = ["vec2", "vec3"].map((name) => `import * as ${name} from "wgpu-matrix/${name}d";`);
      const constants = `const Ctor = Float64Array, EPSILON = ${utils.EPSILON};`;
      return { contents: [...others, constants, ...functions.map(([, call]) => `export ${call}`)].join("\n") };
    });
  },
};

/**
 * Bundles a file for Node or Deno, with packages left outside, and gives the path of the result. It lies one folder
 * below the root, as dist/ does, so that paths relative to it mean the same, and is complete whenever another process
 * looks.
 */
export async function bundleForNode(entry) {
  const options = { ...COMMON, entryPoints: [entry], platform: "node", packages: "external", sourcemap: "inline" };
  const { outputFiles } = await build({ ...options, write: false });
  const folder = join(ROOT, ".cache");
  const path = join(folder, `${basename(entry, ".ts")}.mjs`);
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.${process.pid}`, outputFiles[0].contents);
  await rename(`${path}.${process.pid}`, path);
  return path;
}

/** Bundles a file and all it needs for a browser, and gives the script. The package it may import is this one. */
export async function bundleForBrowser(entry) {
  const alias = {
    "webgpu-vision": join(ROOT, "src/index.ts"),
    "webgpu-vision/worker": join(ROOT, "src/worker/index.ts"),
  };
  const options = { ...COMMON, entryPoints: [entry], platform: "browser", plugins: [withoutNode], alias };
  const { outputFiles } = await build({ ...options, write: false });
  return outputFiles[0].contents;
}
