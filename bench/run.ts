// `npm run bench -- [what...] [options]`: kernels, models, prompts of SAM, peers, browser, layers of a model, a compile
// check, what long use leaves in memory, or the tables made of their results. Everything is checked before its time
// counts. bench/README.md says more.
import { spawnSync } from "node:child_process";
import { Argument, Command, InvalidArgumentError } from "commander";
import type { ModelTiming } from "../src/check/benchModel.ts";
import { openDevice } from "../src/device/open.ts";
import { isCpu } from "../src/kernels/variants.ts";
import { caseLabel } from "../src/verify/run.ts";
import { benchKernels, joinedBenches, type KernelBench } from "../src/verify/timing/benchKernels.ts";
import { COMPILED, compileModels } from "./compile.ts";
import { type ContestResult, isAlone, TOLERANCE } from "./contest.ts";
import { CONTESTS } from "./contests.ts";
import { ROWS } from "./kernels.ts";
import { benchLayers } from "./layers.ts";
import { benchMemory, type MemoryMoment } from "./memory.ts";
import { benchModels, MODELS } from "./models.ts";
import { PEER_FOLDER } from "./peerFiles.ts";
import { benchPeers, runPeer, TOGGLES } from "./peers.ts";
import { contestText, geometricMean, kernelsTable, layersTable, modelsTable, promptsText } from "./print.ts";
import { benchPrompts, type PromptsResult } from "./prompts.ts";
import { type Circumstances, circumstances, pageSizes, type Report, versionsOf, writeReport } from "./report.ts";
import { writeTables } from "./tables.ts";

const SECTIONS = [
  "kernels",
  "models",
  "prompts",
  "peers",
  "browser",
  "layers",
  "compile",
  "compile-peer",
  "memory",
  "tables",
] as const;
type Section = (typeof SECTIONS)[number];

interface Options {
  readonly only?: string;
  readonly list?: boolean;
  readonly large?: boolean;
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly dtype: "f32" | "f16" | "q8";
  readonly json?: string;
  readonly peers?: boolean;
  readonly all?: boolean;
  readonly settings?: boolean;
  readonly tune?: number;
}

/** Progress, on a line that the next one overwrites; nothing where nobody watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function say(text: string): void {
  progress("");
  console.log(text);
}

/** q8 is a way to keep weights, which only plans of whole models have. */
function floats({ dtype }: Options): "f32" | "f16" {
  if (dtype === "q8") throw new Error("q8 is for `models` and `compile`: expected --dtype f32 or f16");
  return dtype;
}

async function kernels(options: Options): Promise<void> {
  const { only = "", quick, large, json } = options;
  const dtype = floats(options);
  using device = await openDevice();
  if (dtype === "f16" && !device.hasF16) throw new Error("this adapter has no shader-f16");
  const isSlow = isCpu(device.info.class);
  const rows = ROWS.filter(({ suite, what, isLarge }) => {
    return `${suite.kernel.name}, ${what}`.includes(only) && (!isLarge || large || !isSlow);
  });
  if (rows.length === 0) throw new Error(`no row contains "${only}": --list names them all`);
  const rounds = options.rounds ?? (quick ? 3 : 15);
  say(`${device.info.description}, ${dtype}, Node ${process.version}`);
  const around = circumstances({ rounds, dtype, adapter: device.info });
  const benches: KernelBench[] = [];
  // The rows of a kernel take turns. What is known is written after each kernel, as a run may be stopped.
  for (const kernel of new Set(rows.map(({ suite }) => suite.kernel.name))) {
    const ofKernel = rows.filter(({ suite }) => suite.kernel.name === kernel);
    const measured = await benchKernels(device, ofKernel, { rounds, dtype, onProgress: progress });
    benches.push(measured);
    say(kernelsTable(measured));
    if (json) writeReport(json, { kernels: { ...around, ...joinedBenches(benches) } });
  }
}

async function models(options: Options): Promise<void> {
  const { only = "", quick, rounds = quick ? 1 : 15, large = false, json, dtype, tune } = options;
  const { info } = await adapter();
  const around = circumstances({ rounds, dtype, adapter: info });
  const results: ModelTiming[] = [];
  const onResult = (result: ModelTiming) => {
    results.push(result);
    if (json) writeReport(json, { models: { ...around, results } });
  };
  const largeRounds = isCpu(info.class) ? 1 : rounds;
  await benchModels({ rounds, largeRounds, only, isLarge: large, dtype, tune, onProgress: progress, onResult });
  if (json) writeReport(json, { pages: await pageSizes() });
  say(`${info.description}, ${dtype}, Node ${process.version}`);
  say(modelsTable(results));
}

async function prompts({ quick, rounds = quick ? 1 : 5, json }: Options): Promise<void> {
  using device = await openDevice();
  const around = circumstances({ rounds, adapter: device.info });
  const results: PromptsResult[] = [];
  const onResult = (result: PromptsResult) => {
    results.push(result);
    say(promptsText(result));
    if (json) writeReport(json, { prompts: { ...around, results } });
  };
  await benchPrompts({ device, rounds, onProgress: progress, onResult });
}

async function peers({ only = "", quick, rounds: asked, large = false, json, settings = false }: Options) {
  const rounds = asked ?? (quick ? 1 : 9);
  const { info } = await adapter(TOGGLES);
  const versions = versionsOf(["onnxruntime-node"], `${PEER_FOLDER}/node_modules`);
  const around = (): Circumstances => circumstances({ rounds, adapter: info, toggles: TOGGLES, versions });
  const results: ContestResult[] = [];
  const onResult = (result: ContestResult) => {
    results.push(result);
    say(contestText(result));
    if (json) writeReport(json, { peers: { ...around(), results } });
  };
  say(`${info.description}, Node ${process.version}`);
  const chosen = { rounds, largeRounds: asked, only, isLarge: large, hasSettings: settings };
  await benchPeers({ ...chosen, onProgress: progress, onResult });
  conclude(results);
}

/** The mean; exit code 1 where no peer agrees with ours, and no referee says that they are wrong. */
function conclude(results: readonly ContestResult[]): void {
  const mean = geometricMean(results);
  if (mean !== undefined) say(`geometric mean: ${mean.toFixed(2)}x the best peer`);
  const isDoubtful = (result: ContestResult) => isAlone(result) && !((result.toReferee ?? 1) <= TOLERANCE);
  if (results.some(isDoubtful)) process.exitCode = 1;
}

/** The adapter; the first device of a process decides on the toggles of all. */
async function adapter(toggles: readonly string[] = []) {
  using device = await openDevice({ toggles });
  return { info: device.info };
}

async function browser(options: Options): Promise<void> {
  const { only = "", quick, rounds = quick ? 1 : 3, large = false, json } = options;
  const { benchBrowser } = await import("./browser.ts");
  let results: readonly ContestResult[] = [];
  const onResult = (section: NonNullable<Report["browser"]>) => {
    results = section.results;
    if (json) writeReport(json, { browser: section });
  };
  await benchBrowser({ rounds, only, isLarge: large, say, onProgress: progress, onResult });
  conclude(results);
}

async function layers(options: Options): Promise<void> {
  const { only = "dino-resnet50", rounds = 7 } = options;
  say(layersTable(await benchLayers(only, rounds, floats(options))));
}

async function memory({ quick = false }: Options): Promise<void> {
  const MB = (bytes: number | undefined) => (bytes === undefined ? "" : (bytes / 1e6).toFixed(1)).padStart(10);
  let last = "";
  const onMoment = ({ what, done, gpuBytes, heapBytes, processBytes }: MemoryMoment) => {
    if (what !== last)
      say(`\n${what.padEnd(36)}${["GPU MB", "heap MB", "process MB"].map((s) => s.padStart(11)).join("")}`);
    last = what;
    say(`  ${done.padEnd(34)}${[gpuBytes, heapBytes, processBytes].map((bytes) => ` ${MB(bytes)}`).join("")}`);
  };
  await benchMemory({ quick, onMoment });
}

async function compile({ only = "", dtype }: Options): Promise<void> {
  const count = await compileModels({ only, dtype, say });
  say(`all ${count} pipelines compile`);
  if (process.env.NULL_GPU_OUT) process.exit(0); // the device was left open
}

async function compilePeer({ only = "" }: Options): Promise<void> {
  await runPeer(only);
  say(`onnxruntime-node ran ${only}`);
}

function list(): void {
  for (const { suite, what, test } of ROWS) console.log(`kernels  ${suite.kernel.name}, ${what}: ${caseLabel(test)}`);
  for (const { name, what } of MODELS) console.log(`models, layers  ${name}: ${what}`);
  for (const [name, what] of Object.entries(COMPILED)) console.log(`compile  ${name}: ${what}`);
  for (const { name, what } of CONTESTS) console.log(`peers, browser  ${name}: ${what}`);
}

const RUN: Readonly<Record<Section, (options: Options) => Promise<void> | void>> = {
  ...{ kernels, models, prompts, peers, browser, layers, compile, memory },
  "compile-peer": compilePeer,
  tables: writeTables,
};

/** Each section in a process of its own: a peer that crashes takes only its own section with it. */
function runAll(sections: readonly Section[], given: readonly string[], options: Options): void {
  const json = options.json ?? ".cache/bench.json";
  for (const section of sections) {
    console.log(`\n== ${section}`);
    const args = [...process.execArgv, process.argv[1] as string, section, ...given, "--json", json];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: "inherit" });
    if (status !== 0) {
      console.log(`bench: ${section} ended with ${signal ?? `code ${status}`}`);
      process.exitCode = 1;
    }
  }
  console.log(`\nbench: the results are in ${json}`);
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return count;
}

function dtypeOf(text: string): Options["dtype"] {
  if (text !== "f32" && text !== "f16" && text !== "q8") throw new InvalidArgumentError("expected f32, f16 or q8");
  return text;
}

const command = new Command("bench")
  .description("Times kernels and models on this adapter, each checked first, and compares them with other engines.")
  .addArgument(new Argument("[what...]", "sections to run").choices(SECTIONS).default(["kernels"], "kernels"))
  .option("--peers", "the comparison with ONNX Runtime: as `peers`")
  .option("--all", "kernels, models, prompts, peers and browser, each in a process of its own, into one file")
  .option("--only <text>", "kernels that contain it; models and comparisons by name")
  .option("--list", "say what there is and run nothing")
  .option("--large", "also what takes minutes on a CPU adapter")
  .option("--quick", "few runs: to see that all works")
  .option("--rounds <count>", "runs of each", countOf)
  .option("--dtype <type>", "f32, f16 or q8", dtypeOf, "f32")
  .option("--settings", "peers: try every way in which a session of ONNX Runtime can be made")
  .option("--tune <seconds>", "models: measure the kernels' variants of each for so long, and take the best", countOf)
  .option("--json <file>", "write every sample and what is known of the machine into this file")
  .parse();

/** The command line without its sections and what chooses them. */
function passedOn({ quick, large, only, rounds, dtype, tune }: Options): string[] {
  const values = { only, rounds, dtype, tune };
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, `${value}`],
  );
  return [...(quick ? ["--quick"] : []), ...(large ? ["--large"] : []), ...given];
}

async function main(): Promise<void> {
  const options = command.opts<Options>();
  const named = command.processedArgs[0] as Section[];
  const sections: Section[] = options.all
    ? ["kernels", "models", "prompts", "peers", "browser"]
    : options.peers
      ? ["peers"]
      : named;
  if (options.list) return list();
  if (sections.length > 1) return runAll(sections, passedOn(options), options);
  for (const section of sections) await RUN[section](options);
}

try {
  await main();
} catch (error) {
  progress("");
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
// Dawn and onnxruntime-node keep the process alive.
process.exit();
