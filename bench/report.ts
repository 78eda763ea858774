// Reports of measurements: the circumstances that stand beside the numbers, and the files in which reports are kept.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { PageSize } from "../scripts/sizes.mjs";
import type { ModelTiming } from "../src/check/benchModel.ts";
import type { AdapterInfo } from "../src/device/adapter.ts";
import { joinedBenches, type KernelBench } from "../src/verify/timing/benchKernels.ts";
import type { ContestResult } from "./contest.ts";
import type { PromptsResult } from "./prompts.ts";

/** The circumstances under which numbers were measured. */
export interface Circumstances {
  readonly date: string;
  readonly commit: string | null;
  readonly runtime: string;
  readonly cpu: string;
  /** Processes that were running or waiting, over the last minute: beyond the number of cores, times are too long. */
  readonly load?: number;
  readonly adapter?: AdapterInfo;
  readonly versions: Readonly<Record<string, string>>;
  /** Dawn's toggles, the same for both sides. */
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
  prompts?: Circumstances & { readonly results: readonly PromptsResult[] };
  peers?: Circumstances & { readonly results: readonly ContestResult[] };
  browser?: Circumstances & {
    readonly results: readonly ContestResult[];
    readonly cold: readonly ColdResult[];
    /** What a page of the peer's downloads, beside its model. */
    readonly download: Download;
  };
  pages?: readonly PageSize[];
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
  const installed = names.flatMap((name) => {
    const path = join(folder, name, "package.json");
    return existsSync(path) ? [[name, read(path)] as const] : [];
  });
  return { "webgpu-vision": read("package.json"), ...Object.fromEntries(installed) };
}

/**
 * Writes sections into a report; those of an earlier run that are not given stay, and so do results of the same commit
 * that this run did not measure again: a long comparison may be made in parts.
 */
export function writeReport(path: string, sections: Report): void {
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Report) : {};
  const { kernels, models, prompts, peers, browser } = sections;
  const joined: Report = {
    ...before,
    ...sections,
    ...(kernels && { kernels: kernelsWithEarlier(kernels, before.kernels) }),
    ...(models && { models: withEarlier(models, before.models) }),
    ...(prompts && { prompts: withEarlier(prompts, before.prompts) }),
    ...(peers && { peers: withEarlier(peers, before.peers) }),
    ...(browser && { browser: withEarlier(browser, before.browser) }),
  };
  if (joined.browser && browser) joined.browser = { ...joined.browser, cold: coldOf(browser, before.browser) };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(joined, rounded, 1)}\n`);
}

type Section<R> = Circumstances & { readonly results: readonly R[] };

/** Whether two runs are of one commit, on one adapter, in one type: only then results stand under one heading. */
function isAlike(now: Circumstances, before: Circumstances): boolean {
  const of = ({ commit, cpu, adapter, toggles, dtype }: Circumstances) => [commit, cpu, adapter, toggles, dtype];
  return now.commit !== null && JSON.stringify(of(now)) === JSON.stringify(of(before));
}

function withEarlier<R extends { readonly what: string }, S extends Section<R>>(now: S, before: S | undefined): S {
  if (!before || !isAlike(now, before)) return now;
  return { ...now, results: merged(now.results, before.results) };
}

function kernelsWithEarlier<S extends Circumstances & KernelBench>(now: S, before: S | undefined): S {
  if (!before || !isAlike(now, before) || before.source !== now.source) return now;
  const kernels = merged(now.kernels, before.kernels, ({ kernel, what }) => `${kernel}, ${what}`);
  return {
    ...now,
    ...joinedBenches([
      { ...before, kernels: [] },
      { ...now, kernels },
    ]),
  };
}

function coldOf(now: NonNullable<Report["browser"]>, before: Report["browser"]): readonly ColdResult[] {
  return before && isAlike(now, before) ? merged(now.cold, before.cold) : now.cold;
}

/** The earlier results in their order, each replaced by a new one of the same name; then all other new ones. */
function merged<R extends { readonly what: string }>(
  now: readonly R[],
  before: readonly R[],
  nameOf: (result: R) => string = ({ what }) => what,
): R[] {
  const news = new Map(now.map((result) => [nameOf(result), result]));
  const kept = before.map((result) => {
    const name = nameOf(result);
    const newest = news.get(name) ?? result;
    news.delete(name);
    return newest;
  });
  return [...kept, ...news.values()];
}

/** Five digits are more than any of these numbers is good for. */
function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(value.toPrecision(5));
}

/** What pages download of this package; an empty list when it was not built. */
export async function pageSizes(): Promise<PageSize[]> {
  if (!existsSync("dist/browser")) return [];
  return (await import("../scripts/sizes.mjs")).measurePages();
}

export function downloadOf(files: readonly string[]): Download {
  const code = Buffer.concat(files.map((file) => readFileSync(file)));
  return { bytes: code.length, gzipBytes: gzipSync(code, { level: 9 }).length };
}
