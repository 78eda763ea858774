// An index of many pictures: made in one go, and by a command that is killed at random and started again; both must
// hold the same rows. `npm run bench:index -- --help`.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { connect } from "@lancedb/lancedb";
import { Command } from "commander";
import sharp from "sharp";
import { bundleForNode } from "../scripts/bundle.mjs";
import { table } from "../src/cli/table.ts";
import { compareSides } from "./embedSides.ts";

const PHOTOS = "demos/photos";
const MADE = ".cache/indexing";
const [WIDTH, HEIGHT] = [320, 240];

const ABOUT = `# An index of many pictures

Written by \`npm run bench:index -- --pictures 20000 --python PYTHON --write bench/results/index.md\`. Pictures are
read from the disk, decoded, resized and embedded by each. transformers.js resizes in another way than Pillow, and its
embeddings are others; PyTorch and this engine give what Pillow and transformers do. On CPUs native libraries are
quicker than WebGPU, which runs on lavapipe here: the provider to compare with is WebGPU's.`;

const program = new Command("bench:index")
  .description("Indexes pictures in one go, and again with kills in between, and compares the rows.")
  .option("--pictures <n>", "pictures, cut out of those in demos/photos and recoloured", Number, 2000)
  .option("--kills <n>", "times that the second run is killed", Number, 10)
  .option("--python <file>", "a Python with torch, transformers, onnx and onnxscript; without one peers are left out")
  .option("--turns <n>", "turns of this engine and its peers", Number, 4)
  .option("--part <n>", "pictures that each of them embeds in a turn", Number, 500)
  .option("--write <file>", "write the figures as Markdown")
  .parse();
const options = program.opts<{
  pictures: number;
  kills: number;
  python?: string;
  turns: number;
  part: number;
  write?: string;
}>();

const folder = resolve(MADE, String(options.pictures));
await makePictures(options.pictures);
const bundle = await bundleForNode("src/cli/main.ts");
const [once, killed] = [resolve(MADE, "once.index"), resolve(MADE, "killed.index")];
for (const index of [once, killed]) rmSync(index, { recursive: true, force: true });

const whole = await run(once);
const state = seeded(1);
for (let i = 0; i < options.kills; i++) await run(killed, 4 + state() * ((2 * whole.seconds) / options.kills));
const rest = await run(killed);
const [rows, others] = [await rowsOf(once), await rowsOf(killed)];
const isSame = rows.length === options.pictures && JSON.stringify(rows) === JSON.stringify(others);
const sides = options.python ? await compareSides(partsOf(options.turns, options.part), options.python) : [];
const text = report();
console.log(text);
if (options.write) writeFileSync(options.write, `${ABOUT}\n\n\`\`\`text\n${text}\`\`\`\n`);
process.exit(isSame ? 0 : 1);

/** Pictures of one size: parts of photos, turned and in other colours, kept between runs. */
async function makePictures(count: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const photos = readdirSync(PHOTOS).filter((name) => /\.(jpg|png)$/.test(name));
  const random = seeded(7);
  for (let i = 0; i < count; i++) {
    const path = join(folder, `${i}.jpg`);
    const [share, x, y, hue] = [0.3 + 0.6 * random(), random(), random(), Math.round(360 * random())];
    if (existsSync(path)) continue;
    const photo = sharp(join(PHOTOS, photos[i % photos.length] as string)).removeAlpha();
    const { width, height } = await photo.metadata();
    const part = { width: Math.floor(share * width), height: Math.floor(share * height) };
    const place = { left: Math.floor(x * (width - part.width)), top: Math.floor(y * (height - part.height)) };
    const cut = photo.extract({ ...part, ...place }).resize(WIDTH, HEIGHT, { fit: "cover" });
    await cut.modulate({ hue }).jpeg({ quality: 80 }).toFile(path);
  }
}

/** Paths of the pictures, so many for each turn. */
function partsOf(turns: number, part: number): string[][] {
  const path = (i: number) => join(folder, `${i % options.pictures}.jpg`);
  return Array.from({ length: turns }, (_, turn) => Array.from({ length: part }, (_, i) => path(turn * part + i)));
}

function seeded(seed: number): () => number {
  let last = seed;
  return () => {
    last = (Math.imul(last, 1664525) + 1013904223) >>> 0;
    return last / 2 ** 32;
  };
}

/** Runs the command, killed after some seconds where they are given; its time and the memory of its process. */
async function run(index: string, seconds?: number) {
  const began = performance.now();
  const command = [bundle, "index", folder, "--out", index, "--json"];
  // A group of its own, as the command starts a process that does the work.
  const child = spawn(process.execPath, command, { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const resident: number[] = [];
  const watch = setInterval(() => resident.push(residentOf(child.pid as number)), 500);
  const kill = () => process.kill(-(child.pid as number), "SIGKILL");
  const timer = seconds === undefined ? undefined : setTimeout(kill, 1000 * seconds);
  let output = "";
  child.stdout.on("data", (bytes) => {
    output += bytes;
  });
  await new Promise((done) => child.once("close", done));
  clearInterval(watch);
  clearTimeout(timer);
  return { output, resident, seconds: (performance.now() - began) / 1000 };
}

/** MiB of the processes of a group (Linux). */
function residentOf(group: number): number {
  const pages = readdirSync("/proc").map((pid) => {
    try {
      const [, fields = ""] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
      const values = fields.split(" ");
      return Number(values[2]) === group ? Number(values[21]) : 0;
    } catch {
      return 0;
    }
  });
  return (pages.reduce((sum, count) => sum + count, 0) * 4096) / 2 ** 20;
}

async function rowsOf(index: string) {
  const database = await connect(index);
  const [name = ""] = await database.tableNames();
  const rows = await (await database.openTable(name)).query().toArray();
  const plain = rows.map(({ path, hash, vector }) => [path, hash, Array.from(vector as Float32Array)] as const);
  return plain.sort(([a], [b]) => (a < b ? -1 : 1));
}

function report(): string {
  const { resident, seconds } = whole;
  const quarter = (i: number) => `${(resident[Math.floor((i * (resident.length - 1)) / 4)] ?? 0).toFixed(0)} MiB`;
  const rate = (options.pictures / seconds).toFixed(1);
  const { embedded, unchanged } = JSON.parse(rest.output);
  const figures = [
    ["pictures", `${options.pictures} of ${WIDTH} x ${HEIGHT}, tiny-clip, ${cpus().length} cores, lavapipe`],
    ["in one go", `${seconds.toFixed(0)} s, ${rate} pictures a second with start and model`],
    ["resident at the quarters of it", [1, 2, 3, 4].map(quarter).join(", ")],
    ["killed", `${options.kills} times; the last run embedded ${embedded} and found ${unchanged} as before`],
    ["rows", isSame ? "the same, to the bit" : "NOT the same"],
  ];
  const median = (rates: readonly number[]) => [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? NaN;
  const own = median(sides[0]?.rates ?? []);
  const rows = sides.map(({ name, rates, leastCosine }) => {
    const speed = median(rates);
    return [name, speed.toFixed(1), `${(own / speed).toFixed(2)}x`, leastCosine.toFixed(6)];
  });
  const head = ["embed, in turns", "pictures a second", "this engine is", "least cosine"];
  const compared = rows.length > 0 ? `\n${table([head, ...rows], "lrrr")}\n` : "";
  return `${table([["index", ""], ...figures], "ll")}\n${compared}`;
}
