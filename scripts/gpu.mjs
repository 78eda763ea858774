// `npm run gpu`: what can be learnt of a GPU in 12 minutes. Each part is a process with a time limit of its own, and
// what it says is written as it comes to $OUT, or out/gpu, so that nothing is lost where one hangs, crashes or stops.
// Beside the bundles of a kit (scripts/gpuKit.mjs) it runs those; in a checkout it makes them.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUT = process.env.OUT || "out/gpu";
/** Seconds for everything. */
const ALL = 720;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The arguments of the command line and of the benchmarks, and the seconds that a part may take. */
const cli = (name, seconds, ...args) => ({ name, seconds, program: "cli", args });
const bench = (name, seconds, ...args) => ({ name, seconds, program: "bench", args });
const into = (name) => ["--json", join(OUT, `${name}.json`)];

// What is known least, and is quick, comes first.
export const PARTS = [
  cli("info", 30, "info"),
  ...["f32", "f16", "q8"].map((dtype) => bench(`compile-${dtype}`, 60, "compile", "--dtype", dtype)),
  cli("verify", 150, "verify", "--variants"),
  bench("models-f32", 120, "models", "--large", ...into("f32")),
  bench("peers-f32", 180, "peers", "--large", ...into("f32")),
  bench("models-f16", 90, "models", "--large", "--dtype", "f16", ...into("f16")),
  bench("models-q8", 90, "models", "--large", "--dtype", "q8", ...into("q8")),
  bench("models-tuned", 120, "models", "--large", "--tune", "5", ...into("tuned")),
  bench("kernels-f32", 90, "kernels", "--large", ...into("f32")),
  bench("kernels-f16", 90, "kernels", "--large", "--dtype", "f16", ...into("f16")),
  bench("prompts", 60, "prompts", ...into("f32")),
];

/** Paths of both programs: a kit's, or made now. */
async function programs() {
  if (existsSync(join(HERE, "cli.mjs"))) return { cli: join(HERE, "cli.mjs"), bench: join(HERE, "bench.mjs") };
  const { bundleForNode } = await import(pathToFileURL(join(HERE, "bundle.mjs")).href);
  return { cli: await bundleForNode("src/cli/main.ts"), bench: await bundleForNode("bench/run.ts") };
}

/**
 * Runs a part; gives its exit code, or the reason that it has none. It has a process group of its own, as a program may
 * start itself again as a child, which must stop with it.
 */
function run({ name, args }, program, seconds) {
  return new Promise((resolve) => {
    const file = createWriteStream(join(OUT, `${name}.txt`));
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true });
    const stop = () => process.kill(-child.pid, "SIGKILL");
    const stopAll = () => {
      stop();
      process.exit(130);
    };
    for (const signal of SIGNALS) process.on(signal, stopAll);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        file.write(chunk);
        process.stdout.write(chunk);
      });
    }
    const timer = setTimeout(stop, seconds * 1000);
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      for (const signal of SIGNALS) process.off(signal, stopAll);
      file.end(() => resolve(code ?? (signal === "SIGKILL" ? `stopped after ${seconds.toFixed(0)} s` : signal)));
    });
  });
}

async function main(names) {
  const unknown = names.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown) {
    console.error(`gpu: there is no part ${unknown}; there are ${PARTS.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  mkdirSync(OUT, { recursive: true });
  const paths = await programs();
  const began = performance.now();
  const rows = [];
  for (const part of PARTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    console.log(`\n== ${part.name}`);
    const start = performance.now();
    const left = ALL - (start - began) / 1000;
    const result = left < 5 ? "no time was left" : await run(part, paths[part.program], Math.min(part.seconds, left));
    rows.push({ part: part.name, seconds: Math.round((performance.now() - start) / 100) / 10, result });
    writeFileSync(join(OUT, "parts.json"), `${JSON.stringify(rows, undefined, 2)}\n`);
  }
  console.log("\npart              seconds  result (0: all is well)");
  for (const { part, seconds, result } of rows) {
    console.log(`${part.padEnd(16)}  ${seconds.toFixed(1).padStart(7)}  ${result}`);
  }
  console.log(`\nwhat they said is in ${OUT}`);
  process.exitCode = rows.every(({ result }) => result === 0) ? 0 : 1;
}

await main(process.argv.slice(2));
