// What a report holds beside its numbers, and the files that reports are.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ModelTiming } from "../src/api/benchModel.ts";
import type { AdapterInfo } from "../src/device/adapter.ts";
import type { KernelBench } from "../src/verify/benchKernels.ts";
import type { ContestResult } from "./contest.ts";

/** What a reader must know to place numbers. */
export interface Circumstances {
  readonly date: string;
  readonly commit: string | null;
  readonly runtime: string;
  readonly cpu: string;
  /** Processes that were running or waiting, over the last minute: beyond the number of cores, times are too long. */
  readonly load?: number;
  readonly adapter?: AdapterInfo;
  readonly versions: Readonly<Record<string, string>>;
  /** Of Dawn, for both sides. */
  readonly toggles?: readonly string[];
  readonly rounds: number;
  readonly dtype?: string;
}

/** Cold starts of one contest: milliseconds from bytes in memory to the first result, each in a fresh page. */
export interface ColdResult {
  readonly name: string;
  readonly what: string;
  readonly ms: Readonly<Record<string, readonly number[]>>;
  /** Ours over the best peer's, by medians: below 1, ours is faster. */
  readonly ratio?: number;
}

/** A file of bench/results; each section says its own circumstances. */
export interface Report {
  kernels?: Circumstances & KernelBench;
  models?: Circumstances & { readonly results: readonly ModelTiming[] };
  peers?: Circumstances & { readonly results: readonly ContestResult[] };
  browser?: Circumstances & {
    readonly results: readonly ContestResult[];
    readonly cold: readonly ColdResult[];
    readonly downloads: Readonly<Record<string, Download>>;
  };
  bundle?: Readonly<Record<string, Download>>;
}

/** Bytes that a browser fetches. */
export interface Download {
  readonly bytes: number;
  readonly gzipBytes: number;
}

export function circumstances(more: Pick<Circumstances, "rounds"> & Partial<Circumstances>): Circumstances {
  const git = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    commit: git.stdout?.trim() || null,
    runtime: `Node ${process.version}, ${process.platform} ${process.arch}`,
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim() ?? "CPU"}`,
    ...loadOf(),
    ...more,
    versions: { ...versionsOf(["webgpu"]), ...more.versions },
  };
}

function loadOf(): { load?: number } {
  if (!existsSync("/proc/loadavg")) return {};
  return { load: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]) };
}

/** Versions of installed packages, and of this one. */
export function versionsOf(names: readonly string[], folder = "node_modules"): Record<string, string> {
  const read = (path: string) => (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  const found = names.flatMap((name) => {
    const path = join(folder, name, "package.json");
    return existsSync(path) ? [[name, read(path)] as const] : [];
  });
  return { "webgpu-vision": read("package.json"), ...Object.fromEntries(found) };
}

/** Writes sections into a report; those of an earlier run that are not given stay. */
export function writeReport(path: string, sections: Report): void {
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Report) : {};
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...before, ...sections }, rounded, 1)}\n`);
}

/** Five digits are more than any of these numbers is good for. */
function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(value.toPrecision(5));
}

/** What a browser downloads of this package: an entry of dist with all it imports at once; nothing before a build. */
export function bundleDownloads(): Record<string, Download> {
  const entries = ["browser.js", "index.js"].filter((entry) => existsSync(join("dist", entry)));
  return Object.fromEntries(entries.map((entry) => [entry, downloadOf(staticFiles(entry))]));
}

function staticFiles(entry: string): string[] {
  const files = new Set([join("dist", entry)]);
  for (const file of files) {
    const imports = readFileSync(file, "utf8").matchAll(/(?:^|[;}])(?:im|ex)port[^;"]*"(\.\/[^"]+)"/g);
    for (const [, path = ""] of imports) files.add(join(dirname(file), path));
  }
  return [...files];
}

export function downloadOf(files: readonly string[]): Download {
  const code = Buffer.concat(files.map((file) => readFileSync(file)));
  return { bytes: code.length, gzipBytes: gzipSync(code, { level: 9 }).length };
}
