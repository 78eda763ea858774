// Bundles one TypeScript entry of this repository to a file that Node runs, with shaders as text and packages left
// outside. The file lies one folder below the root, as dist/ does, so that paths relative to it mean the same.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What every build here has in common. */
export const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  target: "es2022",
  loader: { ".wgsl": "text" },
  logLevel: "warning",
};

/** Bundles an entry for Node and gives the path of the result, complete at any moment that another process looks. */
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
