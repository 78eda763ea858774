// Embedding many photos of mixed size: one at a time against encodeImages, in turns on the same device, with their
// results compared, memory along the way, and a timeline of what ran when. `npm run bench:throughput -- --help`.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import sharp from "sharp";
import { Clip } from "../src/api/clip.ts";
import type { Device } from "../src/device/device.ts";
import type { EncodeStep } from "../src/pictures/pictureRuns.ts";
import { quantile } from "../src/verify/timing/measure.ts";
import { busyness, drawTimeline } from "./timeline.ts";

interface Memory {
  readonly done: number;
  readonly gpuBytes: number;
  readonly rssBytes: number;
}

interface Pass {
  readonly ms: number;
  readonly rows: readonly Float32Array[];
  readonly memory: readonly Memory[];
  readonly steps: readonly EncodeStep[];
}

/** Gives embeddings in the order of the paths. */
type Way = (paths: readonly string[], steps: EncodeStep[]) => AsyncIterable<Float32Array>;

const PHOTOS = "demos/photos";
const MADE = ".cache/throughput";
const MEMORY_EVERY = 10;
const [SHORTEST, LONGEST] = [200, 2000];
// The rows of a batch are summed in another order than those of a single picture.
const LEAST_COSINE = 0.99999;

const program = new Command("bench:throughput")
  .description("Embeds photos one at a time and by encodeImages, in turns.")
  .option("--model <source>", "folder or Hub id of a CLIP", "checkpoints/tiny-clip")
  .option("--photos <n>", "photos of mixed size, made of those in demos/photos", Number, 200)
  .option("--batch <list>", "pictures in one run, one contender for each", (text) => text.split(",").map(Number), [8])
  .option("--rounds <n>", "passes of each contender", Number, 3)
  .option("--out <name>", "write name.json, name-timeline.json and name.svg")
  .parse();
const options = program.opts<{ model: string; photos: number; batch: number[]; rounds: number; out?: string }>();

const paths = await makePhotos(options.photos);
const clip = await Clip.fromPretrained(options.model);
const device = await clip.device();
const ways: Record<string, Way> = {
  "one at a time": async function* (list) {
    for (const path of list) yield (await clip.encodeImage(path)).data;
  },
};
for (const batchSize of options.batch) {
  ways[`encodeImages, ${batchSize} a run`] = async function* (list, steps) {
    const onStep = (step: EncodeStep) => steps.push(step);
    for await (const { embedding } of clip.encodeImages(list, { batchSize, onStep })) yield embedding;
  };
}

console.log(`${options.model} on ${device.info.description}, ${paths.length} photos`);
const warmUp = paths.slice(0, 2 * Math.max(...options.batch));
for (const way of Object.values(ways)) await pass(way, warmUp, device);
const passes: Record<string, Pass[]> = {};
for (let round = 0; round < options.rounds; round++) {
  const order = Object.entries(ways);
  for (const [name, way] of round % 2 ? order.reverse() : order) {
    const timedPass = await pass(way, paths, device);
    passes[name] = [...(passes[name] ?? []), timedPass];
    console.log(`round ${round + 1}: ${name}: ${(timedPass.ms / 1000).toFixed(2)} s`);
  }
}
const isRight = report();
clip.dispose();
process.exit(isRight ? 0 : 1);

/** Photos of seeded sizes, some upright, kept between runs. */
async function makePhotos(count: number): Promise<string[]> {
  mkdirSync(MADE, { recursive: true });
  const originals = readdirSync(PHOTOS).filter((name) => /\.(jpg|png)$/.test(name));
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const photoPaths: string[] = [];
  for (let i = 0; i < count; i++) {
    const side = () => Math.round(SHORTEST + random() ** 2 * (LONGEST - SHORTEST));
    const [width, height] = [side(), side()];
    const path = join(MADE, `${i}-${width}x${height}.jpg`);
    const original = join(PHOTOS, originals[i % originals.length] as string);
    if (!existsSync(path)) await sharp(original).resize(width, height, { fit: "cover" }).jpeg().toFile(path);
    photoPaths.push(path);
  }
  return photoPaths;
}

async function pass(way: Way, list: readonly string[], { memory: gpu }: Device): Promise<Pass> {
  const rows: Float32Array[] = [];
  const memory: Memory[] = [];
  const steps: EncodeStep[] = [];
  const startMs = performance.now();
  for await (const row of way(list, steps)) {
    rows.push(row);
    if (rows.length % MEMORY_EVERY === 0) {
      memory.push({ done: rows.length, gpuBytes: gpu.bytes, rssBytes: process.memoryUsage.rss() });
    }
  }
  const endMs = performance.now();
  const relative = steps.map((step) => ({ ...step, startMs: step.startMs - startMs, endMs: step.endMs - startMs }));
  return { ms: endMs - startMs, rows, memory, steps: relative };
}

/** Prints and writes the results, and returns whether the embeddings of all contenders agree. */
function report(): boolean {
  const reference = passes["one at a time"]?.[0]?.rows as readonly Float32Array[];
  const alone = quantile(timesOf("one at a time"), 0.5);
  const results = Object.entries(passes).map(([name, made]) => {
    const medianMs = quantile(timesOf(name), 0.5);
    const cosine = Math.min(...made.map(({ rows }) => worstCosine(rows, reference)));
    const last = made.at(-1) as Pass;
    const timeline = last.steps.length ? busyness(last.steps) : undefined;
    const mib = (key: "gpuBytes" | "rssBytes", half: 0 | 1) => mostMib(last.memory, key, half);
    const memory = {
      gpuMib: [mib("gpuBytes", 0), mib("gpuBytes", 1)],
      rssMib: [mib("rssBytes", 0), mib("rssBytes", 1)],
    };
    return { name, ms: timesOf(name), medianMs, speedup: alone / medianMs, cosine, memory, timeline };
  });
  for (const { name, medianMs, speedup, cosine, memory, timeline } of results) {
    const rate = (1000 * paths.length) / medianMs;
    console.log(`${name}: ${rate.toFixed(1)} photos/s, ${speedup.toFixed(2)}x, cosine >= ${cosine.toFixed(7)}`);
    console.log(`  most MiB in the halves of the last pass: GPU ${memory.gpuMib}, process ${memory.rssMib}`);
    if (timeline)
      console.log(`  decoding and GPU at once: ${(100 * timeline.overlap).toFixed(0)} % of the shorter one`);
  }
  if (options.out) write(options.out, results);
  return results.every(({ cosine }) => cosine >= LEAST_COSINE);
}

function timesOf(name: string): number[] {
  return (passes[name] ?? []).map(({ ms }) => ms);
}

/** The most in the first or the second half of a pass. */
function mostMib(memory: readonly Memory[], key: "gpuBytes" | "rssBytes", half: 0 | 1): number {
  const middle = Math.floor(memory.length / 2);
  const part = half ? memory.slice(middle) : memory.slice(0, middle);
  return Math.round(Math.max(0, ...part.map((entry) => entry[key])) / 2 ** 20);
}

function worstCosine(rows: readonly Float32Array[], others: readonly Float32Array[]): number {
  // Embeddings are of unit length.
  const cosines = rows.map((row, i) => row.reduce((sum, value, c) => sum + value * (others[i]?.[c] ?? Number.NaN), 0));
  return rows.length === others.length ? Math.min(...cosines) : Number.NaN;
}

function write(out: string, results: readonly object[]): void {
  mkdirSync(dirname(out), { recursive: true });
  const machine = { adapter: device.info, node: process.version, cpus: cpus().length, load: loadavg() };
  const memory = Object.entries(passes).map(([name, made]) => ({ name, passes: made.map(({ memory }) => memory) }));
  const json = { model: options.model, photos: paths.length, ...machine, results, memory };
  writeFileSync(`${out}.json`, `${JSON.stringify(json, null, 1)}\n`);
  const name = `encodeImages, ${options.batch[0]} a run`;
  const { steps, ms } = (passes[name] as Pass[]).at(-1) as Pass;
  const rounded = steps.map(({ lane, indices, startMs, endMs }) => {
    return { lane, indices, startMs: Number(startMs.toFixed(2)), endMs: Number(endMs.toFixed(2)) };
  });
  writeFileSync(`${out}-timeline.json`, `[\n${rounded.map((step) => JSON.stringify(step)).join(",\n")}\n]\n`);
  // Some batches from the middle of the pass, where decoding and the GPU are both busy.
  const middle = steps.filter(({ lane, indices }) => lane === "gpu" && indices.some((i) => i >= paths.length / 2));
  const from = middle[0]?.startMs ?? 0;
  const span = Math.min(3000, ms / 4);
  const title = `${name}: ${options.model} on ${device.info.description}`;
  writeFileSync(`${out}.svg`, drawTimeline(steps, title, from, from + span));
}
