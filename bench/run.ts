// Times the kernels on this adapter: `npm run bench -- [options]`. Each is checked against its float64 reference first;
// its time is then put beside the roofline that the same run measures.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { isCpu } from "../src/device/adapter.ts";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { caseLabel, runCase } from "../src/verify/run.ts";
import { makeInputs } from "../src/verify/suite.ts";
import { type KernelRow, ROWS } from "./kernels.ts";
import { type Prepared, prepare, quantile, type Samples, sample } from "./measure.ts";
import { type Roofline, rooflineRows, shareOf } from "./roofline.ts";

interface Options {
  readonly only?: string;
  readonly list?: boolean;
  readonly large?: boolean;
  readonly rounds: number;
  readonly dtype: "f32" | "f16";
  readonly json?: string;
}

/** A row and what came out. */
interface Result {
  readonly kernel: string;
  readonly what: string;
  readonly case: string;
  readonly variant: string;
  readonly flops: number;
  readonly bytes: number;
  readonly error: number;
  readonly medianMs: number;
  readonly p10Ms: number;
  readonly p90Ms: number;
  readonly ofRoofline: number;
  readonly ms: readonly number[];
}

/** Progress, on a line that the next one overwrites; nothing where nobody watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** Checks a row against its reference, then makes it ready. */
async function checked(device: Device, { suite, what, test, bytes }: KernelRow, dtype: Options["dtype"]) {
  const { kernel } = suite;
  progress(`checking ${kernel.name}, ${what}`);
  const { error, tolerance, passed } = await runCase(device, suite, test, dtype);
  if (!passed) throw new Error(`${kernel.name}, ${what}: error ${error} beyond ${tolerance}, so it is not timed`);
  const prepared = await prepare(device, {
    kernel,
    inputs: makeInputs(test, dtype),
    params: test.params ?? {},
    ...(bytes && { bytes }),
  });
  return { prepared, error };
}

/** The best that any sample of the two micro-kernels reached. */
function rooflineOf([fma, copy]: readonly Prepared[], [fmaMs = [], copyMs = []]: Samples["ms"]): Roofline {
  return {
    gflops: (fma?.flops ?? 0) / Math.min(...fmaMs) / 1e6,
    gbytes: (copy?.bytes ?? 0) / Math.min(...copyMs) / 1e6,
  };
}

function printTable(results: readonly Result[]): void {
  const format = (value: number, digits: number) => (value === 0 ? "" : value.toFixed(digits));
  const head = ["kernel", "at", "median ms", "p10", "p90", "GFLOP/s", "GB/s", "of roofline", "variant"];
  const lines = results.map((r) => [
    r.kernel,
    r.what,
    format(r.medianMs, 4),
    format(r.p10Ms, 4),
    format(r.p90Ms, 4),
    format(r.flops / r.medianMs / 1e6, 2),
    format(r.bytes / r.medianMs / 1e6, 2),
    `${(100 * r.ofRoofline).toFixed(0)} %`,
    r.variant,
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] as string).length)));
  const isText = (column: number) => column < 2 || column === head.length - 1;
  for (const line of [head, ...lines]) {
    const cells = line.map((cell, i) =>
      isText(i) ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number),
    );
    console.log(cells.join("  ").trimEnd());
  }
}

/** What a reader must know to place the numbers. */
function circumstances(device: Device, { dtype, rounds }: Options, source: Samples["source"]) {
  const git = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    commit: git.stdout?.trim() || null,
    runtime: `Node ${process.version}, ${process.platform} ${process.arch}`,
    adapter: device.info,
    dtype,
    rounds,
    source,
  };
}

/** Everything checked, then everything timed. */
async function measure(device: Device, rows: readonly KernelRow[], { rounds, dtype }: Options) {
  const { multiplyAdd, copy } = rooflineRows(isCpu(device.info.class));
  const roof = [await prepare(device, multiplyAdd), await prepare(device, copy)];
  const ready: { readonly prepared: Prepared; readonly error: number }[] = [];
  for (const row of rows) ready.push(await checked(device, row, dtype));
  const all = [...roof, ...ready.map(({ prepared }) => prepared)];
  const { ms, source } = await sample(device, all, rounds, (done) => progress(`round ${done} of ${rounds}`));
  progress("");
  const roofline = rooflineOf(roof, ms);
  const results = rows.map(({ suite, what, test }, i): Result => {
    const { prepared, error } = ready[i] as (typeof ready)[number];
    const { variant, flops, bytes } = prepared;
    const times = ms[roof.length + i] as number[];
    const medianMs = quantile(times, 0.5);
    return {
      ...{ kernel: suite.kernel.name, what, case: caseLabel(test), variant, flops, bytes, error, medianMs },
      p10Ms: quantile(times, 0.1),
      p90Ms: quantile(times, 0.9),
      ofRoofline: shareOf(roofline, prepared, medianMs),
      ms: times,
    };
  });
  return { roofline, source, results };
}

async function bench(options: Options): Promise<void> {
  const wanted = ROWS.filter(({ suite, what }) => `${suite.kernel.name}, ${what}`.includes(options.only ?? ""));
  if (options.list) {
    for (const { suite, what, test } of wanted) console.log(`${suite.kernel.name}, ${what}: ${caseLabel(test)}`);
    return;
  }
  using device = await openDevice();
  if (options.dtype === "f16" && !device.hasF16) throw new Error("this adapter has no shader-f16");
  const rows = wanted.filter(({ isLarge }) => !isLarge || options.large || !isCpu(device.info.class));
  if (rows.length === 0) throw new Error(`no row contains "${options.only}": --list names them all`);
  console.log(`${device.info.description}, ${options.dtype}, Node ${process.version}`);
  const { roofline, source, results } = await measure(device, rows, options);
  const { gflops, gbytes } = roofline;
  console.log(`roofline: ${gflops.toFixed(1)} GFLOP/s, ${gbytes.toFixed(1)} GB/s copied; times by ${source}\n`);
  printTable(results);
  if (!options.json) return;
  const report = { ...circumstances(device, options, source), roofline, results };
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return count;
}

function dtypeOf(text: string): Options["dtype"] {
  if (text !== "f32" && text !== "f16") throw new InvalidArgumentError("expected f32 or f16");
  return text;
}

const command = new Command("bench")
  .description("Times the kernels on this adapter, each checked first.")
  .option("--only <text>", "rows whose kernel or place contains this")
  .option("--list", "say what there is and run nothing")
  .option("--large", "also what takes long on a CPU adapter")
  .option("--rounds <count>", "samples of each row", countOf, 15)
  .option("--dtype <type>", "f32 or f16", dtypeOf, "f32")
  .option("--json <file>", "write every sample and what is known of the machine");

try {
  await bench(command.parse().opts<Options>());
} catch (error) {
  progress("");
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
