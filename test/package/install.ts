// The package as a user gets it: packed, and installed from the tarball in an empty folder, once for all tests here.
// `npm run test:package` builds it first.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What the setup made. */
export interface Installed {
  /** The folder in which the package is installed. */
  readonly folder: string;
  readonly tarball: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
}

declare module "vitest" {
  interface ProvidedContext {
    installed: Installed;
  }
}

/** Runs a program and gives what it printed; its exit code is checked by the caller. */
export function run(program: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, stdout, stderr };
}

/** Path of a program of the development dependencies. */
export function tool(name: string): string {
  return join(ROOT, "node_modules", ".bin", name);
}

/** Puts the optional packages beside the package: a user installs them by name, here they are this folder's. */
export function addOptionalPackages(folder: string): void {
  addPackages(folder, ["webgpu", "sharp"]);
}

/** Puts packages beside the package. */
export function addPackages(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const target = join(folder, "node_modules", name);
    mkdirSync(dirname(target), { recursive: true });
    if (!existsSync(target)) symlinkSync(join(ROOT, "node_modules", name), target, "dir");
  }
}

/** Packs what was built into a folder. */
export function pack(folder: string): Omit<Installed, "folder"> {
  const packed = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], ROOT);
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) };
}

/** Vitest's global setup. */
export function setup({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "webgpu-vision-package-"));
  const packed = pack(folder);
  writeFileSync(join(folder, "package.json"), '{ "name": "user", "private": true, "type": "module" }');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  const installed = run("npm", ["install", ...flags, packed.tarball], folder);
  if (installed.status !== 0) throw new Error(`the tarball does not install:\n${installed.stderr}`);
  provide("installed", { folder, ...packed });
  return () => rmSync(folder, { recursive: true, force: true });
}
