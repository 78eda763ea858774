// The tables of README.md and bench/results/README.md, made of the reports in bench/results: `npm run bench -- tables`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCpu } from "../src/kernels/variants.ts";
import { type ContestResult, type SideResult, TOLERANCE } from "./contest.ts";
import { CONTESTS } from "./contests.ts";
import { replaceBetweenMarks } from "./marks.ts";
import { geometricMean, promptsText } from "./print.ts";
import type { Circumstances, ColdResult, Report } from "./report.ts";

const FOLDER = "bench/results";

interface NamedReport extends Report {
  readonly file: string;
}

/** A comparison of a report: where it ran, and its results. */
interface Comparison {
  readonly title: string;
  readonly results: readonly ContestResult[];
  /** Names of results that were measured while other programs had the processor. */
  readonly busy: readonly string[];
  readonly cold: readonly ColdResult[];
  readonly isGpu: boolean;
}

export function writeTables(): void {
  const reports = readReports();
  const path = "README.md";
  writeFileSync(path, replaceBetweenMarks(path, "`npm run bench -- tables`", summary(reports)));
  writeFileSync(join(FOLDER, "README.md"), everything(reports));
  console.log(`bench: wrote ${path} and ${FOLDER}/README.md from ${reports.map(({ file }) => file).join(", ")}`);
}

const readFile = (path: string) => readFileSync(path, "utf8");

function readReports(): NamedReport[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  const reports = files.map((file) => ({ file, ...(JSON.parse(readFile(join(FOLDER, file))) as Report) }));
  const filled = reports.filter(({ kernels, models, peers, browser }) => kernels ?? models ?? peers ?? browser);
  return filled.map(({ peers, browser, ...rest }) => ({
    ...rest,
    ...(peers && { peers: { ...peers, results: inOrder(peers.results) } }),
    ...(browser && { browser: { ...browser, results: inOrder(browser.results), cold: inOrder(browser.cold) } }),
  }));
}

/** In the order in which contests are listed, whichever part was run first. */
function inOrder<R extends { readonly name: string }>(results: readonly R[]): R[] {
  const place = ({ name }: R) => CONTESTS.findIndex((contest) => contest.name === name);
  return [...results].sort((a, b) => place(a) - place(b));
}

function comparisons(reports: readonly NamedReport[]): Comparison[] {
  return reports.flatMap(({ peers, browser }) => {
    const both = [
      peers && comparison(peers, "onnxruntime-node", []),
      browser && comparison(browser, "onnxruntime-web", browser.cold),
    ];
    return both.filter((one) => one !== undefined);
  });
}

/** Reports of one peer on one adapter, measured apart, as one comparison. */
function joined(all: readonly Comparison[]): Comparison[] {
  const byTitle = new Map<string, Comparison>();
  for (const one of all) {
    const { results = [], busy = [], cold = [] } = byTitle.get(one.title) ?? {};
    byTitle.set(one.title, {
      ...one,
      results: [...results, ...one.results],
      busy: [...busy, ...one.busy],
      cold: [...cold, ...one.cold],
    });
  }
  return [...byTitle.values()];
}

/** Programs that run or wait for each core, beyond which a machine is said to be busy. */
const BUSY = 2;

function comparison(
  around: Circumstances & { readonly results: readonly ContestResult[] },
  peer: string,
  cold: readonly ColdResult[],
): Comparison {
  const adapter = around.results[0]?.adapter ?? around.adapter?.description ?? "unknown";
  const [runtime] = around.runtime.split(",");
  const title = `${peer} ${around.versions[peer] ?? ""} (${runtime} on ${adapter.split(":")[0]})`;
  const isGpu = around.adapter ? !isCpu(around.adapter.class) : !/swiftshader|llvmpipe/i.test(adapter);
  const { results, load = 0, cpu } = around;
  const busy = load > BUSY * Number.parseInt(cpu, 10) ? results.map(({ name }) => name) : [];
  return { title: title.trim(), results, busy, cold, isGpu };
}

/** For README.md: what a page downloads, and how much faster models run than the peer; how many GPUs there are. */
function summary(reports: readonly NamedReport[]): string {
  const all = joined(comparisons(reports));
  const browser = reports.find((report) => report.browser)?.browser;
  const none = "No GPU has been measured yet: these adapters compute on the CPU, and only the ratios mean something.\n";
  const busy =
    "\\* Measured while other programs had the processor too: both sides, which took turns, were slowed. " +
    "Not in the mean.\n";
  const notes = all.some((one) => one.busy.length > 0) ? [busy] : [];
  return [downloads(browser), timesFaster(all), ...notes, ...(all.some(({ isGpu }) => isGpu) ? [] : [none])].join("\n");
}

function downloads(browser: Report["browser"]): string {
  const sizes = JSON.parse(readFile("bench/sizes.json")) as Record<string, number>;
  const page = (name: string) => `${((sizes[name] ?? Number.NaN) / 1e3).toFixed(0)} KB`;
  const peer = browser && `, onnxruntime-web with WebGPU ${MB(browser.download.gzipBytes)}`;
  return (
    `What a page downloads before the weights, gzipped: Clip ${page("clip")}, Dino ${page("dino")}, ` +
    `Sam ${page("sam")}, all three ${page("all")}${peer}.\n`
  );
}

/** A row for each model, a column for each comparison and for its cold starts. */
function timesFaster(all: readonly Comparison[]): string {
  const models = CONTESTS.filter(({ name }) => !/^(matmul|attention|layerNorm|conv)/.test(name));
  const heads = all.flatMap(({ title, cold }) => [title, ...(cold.length > 0 ? ["the same, cold start"] : [])]);
  const rows = models.map(({ name, what }) => {
    const cells = all.flatMap(({ results, cold, busy }) => {
      const [run, start] = [results.find((result) => result.name === name), cold.find((one) => one.name === name)];
      const ratio = run?.ratio === undefined ? run && failureOf(run.sides.slice(1)) : `${run.ratio.toFixed(1)}x`;
      const mark = busy.includes(name) ? " \\*" : "";
      return [
        ratio ? ratio + mark : "",
        ...(cold.length > 0 ? [start?.ratio ? `${(1 / start.ratio).toFixed(1)}x` : ""] : []),
      ];
    });
    return `| ${what} | ${cells.join(" | ")} |`;
  });
  const means = all.flatMap(({ results, busy, cold }) => {
    const starts = cold.flatMap(({ ratio }) => (ratio ? Math.log(1 / ratio) : []));
    const start = Math.exp(starts.reduce((sum, log) => sum + log, 0) / starts.length);
    const mean = geometricMean(results.filter(({ name }) => !busy.includes(name)));
    return [`${mean?.toFixed(1)}x`, ...(cold.length > 0 ? [`${start.toFixed(1)}x`] : [])];
  });
  const last = `| geometric mean, with kernels alone | ${means.join(" | ")} |`;
  return [`| faster than | ${heads.join(" | ")} |`, `|---|${"---|".repeat(heads.length)}`, ...rows, last, ""].join(
    "\n",
  );
}

/** Why no peer counts: the fastest is wrong, or the first error. */
function failureOf(peers: readonly SideResult[]): string {
  return peers.some(({ ms: time }) => time) ? "the peer's result is wrong" : "the peer fails";
}

const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
const MB = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** For bench/results/README.md: every number of every report. */
function everything(reports: readonly NamedReport[]): string {
  const head =
    "# Results\n\nMade by `npm run bench -- tables` of the reports beside this file, which hold every sample. " +
    "[How they were measured](../README.md). Of CPU adapters only ratios of one run mean something.\n";
  return [head, ...reports.map(reportText)].join("\n");
}

function reportText({ file, kernels, models, prompts, peers, browser, pages }: NamedReport): string {
  const parts = [
    `## ${file}\n`,
    kernels && `### Kernels\n\n${aroundText(kernels)}\n\n${kernelRows(kernels)}`,
    models && `### Models\n\n${aroundText(models)}\n\n${modelRows(models)}`,
    prompts && `### Prompts\n\n${aroundText(prompts)}\n\n${promptsRows(prompts.results)}`,
    peers && `### Peers in Node\n\n${aroundText(peers)}\n\n${sideRows(peers)}`,
    browser && `### Peers in Chromium\n\n${aroundText(browser)}\n\n${sideRows(browser)}\n${coldRows(browser.cold)}`,
    downloadRows(pages, browser),
  ];
  return parts.filter(Boolean).join("\n");
}

function aroundText({ date, commit, runtime, cpu, load, adapter, versions, toggles, rounds, dtype }: Circumstances) {
  const facts = [
    adapter && (adapter.description || adapter.architecture),
    `${runtime}; ${cpu}${load === undefined ? "" : `, load ${load} at the start`}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `${rounds} runs of each${dtype ? `, ${dtype}` : ""}; ${date.slice(0, 10)}, commit ${commit?.slice(0, 10)}`,
    toggles && `Dawn, both sides: ${toggles.join("; ")}`,
  ];
  return facts
    .filter(Boolean)
    .map((fact) => `- ${fact}`)
    .join("\n");
}

function kernelRows({ roofline, source, kernels }: NonNullable<Report["kernels"]>): string {
  const rows = kernels.map(({ kernel, what, variant, flops, bytes, ofRoofline, ms: { median, p10, p90 } }) => {
    const rates = [flops / median / 1e6, bytes / median / 1e6].map((rate) => (rate < 0.05 ? "" : rate.toFixed(1)));
    const times = [median, p10, p90].map((value) => value.toPrecision(3));
    return `| ${[kernel, what, ...times, ...rates, `${(100 * ofRoofline).toFixed(0)} %`, variant].join(" | ")} |`;
  });
  const limits = `${roofline.gflops.toFixed(1)} GFLOP/s, ${roofline.gbytes.toFixed(1)} GB/s copied`;
  return (
    `Roofline: ${limits}; times by ${source}.\n\n` +
    "| kernel | at | median ms | p10 | p90 | GFLOP/s | GB/s | of roofline | variant |\n" +
    `|---|---|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`
  );
}

function modelRows({ results }: NonNullable<Report["models"]>): string {
  const rows = results.map((model) => {
    const { cold, outsideKernels } = model;
    const parts = [cold.loadMs, cold.compileMs, cold.firstMs].map((value) => value.toFixed(0));
    const cells = [
      model.what,
      ms(model.ms.median),
      `${ms(model.ms.p10)} to ${ms(model.ms.p90)}`,
      outsideKernels === undefined ? "" : `${(100 * outsideKernels).toFixed(1)} %`,
      ms(model.readbackMs.median),
      `${ms(cold.totalMs)}: ${parts.join(" + ")}`,
      `${model.dispatches} / ${model.pipelines}`,
      MB(model.peakBytes),
      MB(model.largestBufferBytes),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return (
    "| model | run | p10 to p90 | outside kernels | readback | cold start: load + compile + first | " +
    "dispatches / pipelines | peak | largest buffer |\n" +
    `|---|---|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`
  );
}

function promptsRows(results: NonNullable<Report["prompts"]>["results"]): string {
  return results.map((result) => `- ${promptsText(result)}\n`).join("");
}

function sideRows({ results, rounds }: Circumstances & { readonly results: readonly ContestResult[] }): string {
  const rows = results.flatMap(({ what, sides, ratio, flops, toReferee }) =>
    sides.map(({ name, ms: time, difference, allOnGpu, error }, i) => {
      const remarks = [
        error,
        i === 0 && toReferee !== undefined && `differs by ${toReferee.toExponential(1)} from the referee`,
        difference !== undefined && `differs by ${difference.toExponential(1)}`,
        difference !== undefined && difference > TOLERANCE && "off, does not count",
        allOnGpu === false && "some operators on the CPU",
        time && time.all.length !== rounds && runs(time.all.length),
      ];
      const cells = [
        i === 0 ? what : "",
        name,
        time ? ms(time.median) : "fails",
        time ? `${ms(time.p10)} to ${ms(time.p90)}` : "",
        time ? (flops / time.median / 1e6).toFixed(1) : "",
        i === 0 && ratio !== undefined ? `${ratio.toFixed(2)}x` : "",
        remarks.filter(Boolean).join(", "),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  );
  const mean = geometricMean(results);
  return (
    "| | side | median | p10 to p90 | GFLOP/s | best peer / ours | |\n" +
    `|---|---|---|---|---|---|---|\n${rows.join("\n")}\n` +
    (mean === undefined ? "" : `\nGeometric mean: ${mean.toFixed(2)}x.\n`)
  );
}

const runs = (count: number) => (count === 1 ? "1 run" : `${count} runs`);

function coldRows(cold: readonly ColdResult[]): string {
  if (cold.length === 0) return "";
  const rows = cold.map(({ what, ms: sides, ratio }) => {
    const times = ["webgpu-vision", "onnxruntime-web"].map((name) => (sides[name] ? ms(middle(sides[name])) : "fails"));
    return `| ${what} | ${times.join(" | ")} | ${ratio === undefined ? "" : ratio.toFixed(2)} |`;
  });
  return (
    "Cold start, from bytes in memory to the first result, each in a fresh page:\n\n" +
    `| | webgpu-vision | onnxruntime-web | ours / peer |\n|---|---|---|---|\n${rows.join("\n")}\n`
  );
}

function downloadRows(pages: Report["pages"], browser: Report["browser"]): string | undefined {
  if (!pages?.length && !browser) return undefined;
  const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
  const ours = (pages ?? []).map(({ page, first, later }) => {
    return `| webgpu-vision, page of ${page} | ${kilobytes(first)} | ${kilobytes(later)} |`;
  });
  const peer =
    browser &&
    `| onnxruntime-web with WebGPU | ${MB(browser.download.gzipBytes)} (${MB(browser.download.bytes)} as it is) | |`;
  const rows = [...ours, peer].filter(Boolean).join("\n");
  return `### What a page downloads, gzipped\n\n| | at once | on demand |\n|---|---|---|\n${rows}\n`;
}
