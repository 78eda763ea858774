// Ours against ONNX Runtime's WebGPU on the same adapter, in one process and in turns: `npm run bench:peers`. Every
// timed run has new inputs, and its result is compared with the peer's; losses are printed like wins.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { Command } from "commander";
import { openDevice } from "../src/device/open.ts";
import { CONTESTS, type Contest, type Side } from "./contests.ts";
import { loadOnnxRuntime } from "./onnxruntime.ts";

export interface PeerResult {
  readonly what: string;
  readonly flops: number;
  /** Milliseconds of every round, by side; the first side is ours. */
  readonly ms: Readonly<Record<string, readonly number[]>>;
  readonly median: Readonly<Record<string, number>>;
  /** The best peer's median over ours: above 1, ours is faster. */
  readonly ratio: number;
  /** Largest difference to each peer, as a share of the largest value. */
  readonly difference: Readonly<Record<string, number>>;
}

// A peer may itself be off; a contest fails when no peer agrees with ours.
const TOLERANCE = 1e-3;
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Takes the sides in turn, in changing order, after one round that is not counted. */
async function contest({ what, flops, sides, inputs }: Contest, rounds: number): Promise<PeerResult> {
  const ms: Record<string, number[]> = Object.fromEntries(sides.map(({ name }) => [name, []]));
  const difference: Record<string, number> = {};
  for (let round = -1; round < rounds; round++) {
    const given = inputs();
    const results = new Map<Side, Float32Array>();
    for (const side of round % 2 ? [...sides].reverse() : sides) {
      const start = performance.now();
      results.set(side, await side.run(given));
      if (round >= 0) ms[side.name]?.push(performance.now() - start);
    }
    const [ours, ...peers] = sides;
    for (const peer of peers) {
      const found = differenceOf(results.get(ours as Side) as Float32Array, results.get(peer) as Float32Array);
      difference[peer.name] = Math.max(difference[peer.name] ?? 0, found);
    }
    process.stderr.write(`${what}: round ${round + 1} of ${rounds}\r`);
  }
  for (const side of sides) await side.close();
  const medians = Object.fromEntries(Object.entries(ms).map(([name, values]) => [name, median(values)]));
  const [ours = 0, ...peers] = Object.values(medians);
  return { what, flops, ms, median: medians, ratio: Math.min(...peers) / ours, difference };
}

function differenceOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs((a[i] as number) - (b[i] as number));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    largest = Math.max(largest, Math.abs(b[i] as number));
  }
  return worst / largest;
}

const program = new Command("bench:peers")
  .description("Times this engine and ONNX Runtime's WebGPU in turns on one adapter, and compares their results.")
  .option("--rounds <n>", "timed rounds", Number, 9)
  .option("--only <word>", "contests whose name holds this word", "")
  .option("--out <file>", "write the results as JSON");
const { rounds, only, out } = program.parse().opts<{ rounds: number; only: string; out?: string }>();

const device = await openDevice();
const ort = loadOnnxRuntime();
const results: PeerResult[] = [];
for (const [name, make] of Object.entries(CONTESTS)) {
  if (name.includes(only)) results.push(await contest(await make(device, ort), rounds));
}
const load = spawnSync("cat", ["/proc/loadavg"], { encoding: "utf8" }).stdout?.trim();
console.log(
  `${device.info.description}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}; load ${load}`,
);
for (const { what, median: ms, ratio, difference, flops } of results) {
  console.log(`\n${what}: ${ratio.toFixed(2)}x the best peer`);
  for (const [name, value] of Object.entries(ms)) {
    const rate = (flops / value / 1e6).toFixed(1);
    const apart = difference[name] === undefined ? "" : `  differs by ${describe(difference[name])}`;
    console.log(`  ${name.padEnd(32)} ${value.toFixed(0).padStart(7)} ms  ${rate.padStart(7)} GFLOP/s${apart}`);
  }
}
/** The fused CLIP graph is off on ONNX Runtime's WebGPU, not on its CPU provider, which agrees with ours. */
function describe(difference: number): string {
  return difference.toExponential(1) + (difference > TOLERANCE ? " (off)" : "");
}

if (out) {
  mkdirSync(dirname(out), { recursive: true });
  const machine = { adapter: device.info, node: process.version, cpus: cpus().length, load };
  writeFileSync(out, `${JSON.stringify({ ...machine, results }, null, 1)}\n`);
}
// onnxruntime-node keeps the process alive.
process.exit(results.every(({ difference }) => Math.min(...Object.values(difference)) < TOLERANCE) ? 0 : 1);
