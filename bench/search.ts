// Exact search among many rows: this engine's in each type of row, NumPy and Faiss on the same cores, LanceDB's, exact
// and by its index of neighbours. All search the same rows for the same queries, in turns; what they find is compared
// with NumPy's. Rows are made at random in as few directions as embeddings have, and some noise: where all are equally
// far from each other no index of neighbours knows which to look at. `npm run bench:search -- --help`.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { connect, Index, type Table } from "@lancedb/lancedb";
import { Command } from "commander";
import { table } from "../src/cli/table.ts";
import { random } from "../src/device/random.ts";
import { ExactSearch, encodeRows, type RowBlock, type RowSource, type RowType } from "../src/search.ts";

// LanceDB knows tables of the instance of Arrow that it has itself.
const arrow = createRequire(import.meta.url)("apache-arrow") as typeof import("apache-arrow");
const { Table: ArrowTable, Field, FixedSizeList, Float32, Int32, makeData, makeVector, Schema, Vector } = arrow;

const program = new Command("bench:search")
  .description("Times exact search among rows of unit length.")
  .option("--rows <n>", "rows", Number, 1_000_000)
  .option("--channels <n>", "elements of a row", Number, 512)
  .option("--turns <n>", "times that each searches", Number, 3)
  .option("--python <file>", "a Python with numpy and faiss-cpu; without one they are left out")
  .option("--write <file>", "write the figures as Markdown")
  .parse();
const options = program.opts<{ rows: number; channels: number; turns: number; python?: string; write?: string }>();
const { rows: N, channels: C } = options;
const K = 10;
const QUERIES = [1, 64] as const;
const BLOCK = 16_384;
/** Directions in which rows differ most, and how much noise is beside each element. */
const [DIRECTIONS, NOISE] = [24, 0.05];
/** Parts of LanceDB's index that a search looks at; 20 is what it takes unless told. */
const PROBES = [20, 60];
/** Queries that LanceDB has at once: it reads the rows anew for each of them, side by side. */
const AT_ONCE = 8;

const folder = resolve(".cache/searching");
mkdirSync(folder, { recursive: true });
const file = join(folder, "rows.f32");
const queries = makeFiles();

/** One that searches: gives the best rows of each query. */
interface Side {
  readonly name: string;
  readonly bytes: number;
  search(count: number): Promise<number[][]>;
  /** Minutes for many queries among many rows: then it is not warmed up. */
  readonly isSlow?: boolean;
}

const sides: Side[] = [];
const ends: (() => unknown)[] = [];
for (const dtype of ["f32", "f16", "i8"] as const) sides.push(await ours(dtype));
if (options.python) sides.push(...python(options.python));
sides.push(...(await lance()));

const bestRows = new Map<string, number[][]>();
const seconds = new Map<string, number[]>();
for (const count of QUERIES) {
  for (const side of sides) if (!side.isSlow || count === 1) await side.search(count); // warm
  for (let turn = 0; turn < options.turns; turn++) {
    for (const side of sides) {
      const began = performance.now();
      const key = `${side.name} ${count}`;
      bestRows.set(key, await side.search(count));
      const taken = (performance.now() - began) / 1000;
      seconds.set(key, [...(seconds.get(key) ?? []), taken]);
      console.error(`${side.name}, ${count} queries: ${taken.toFixed(3)} s`);
    }
  }
}
const text = report();
console.log(text);
if (options.write) writeFileSync(options.write, text);
for (const end of ends) await end();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

/** Rows and queries of unit length, in files that all sides read; gives the queries. */
function makeFiles(): Float32Array {
  const directions = numbersAroundZero(DIRECTIONS * C, random(3));
  const write = (count: number, seed: number, path: string) => {
    const next = random(seed);
    const handle = openSync(path, "w");
    const block = new Float32Array(BLOCK * C);
    for (let first = 0; first < count; first += BLOCK) {
      const some = Math.min(BLOCK, count - first);
      for (let row = 0; row < some; row++) rowInto(block.subarray(row * C, (row + 1) * C), directions, next);
      writeSync(handle, new Uint8Array(block.buffer, 0, some * C * 4));
    }
    closeSync(handle);
  };
  write(N, 1, file);
  write(64, 2, join(folder, "queries.f32"));
  return floats(readFileSync(join(folder, "queries.f32")));
}

/** Numbers around 0. */
function numbersAroundZero(count: number, next: () => number): Float32Array {
  return Float32Array.from({ length: count }, () => next() + next() - 1);
}

/** A row of unit length. */
function rowInto(row: Float32Array, directions: Float32Array, next: () => number): void {
  const shares = numbersAroundZero(DIRECTIONS, next);
  for (let c = 0; c < C; c++) row[c] = NOISE * (next() - 0.5);
  for (const [i, share] of shares.entries()) {
    for (let c = 0; c < C; c++) row[c] = (row[c] as number) + share * (directions[i * C + c] as number);
  }
  let sum = 0;
  for (let c = 0; c < C; c++) sum += (row[c] as number) ** 2;
  const length = Math.sqrt(sum);
  for (let c = 0; c < C; c++) row[c] = (row[c] as number) / length;
}

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
}

/** This engine's, with all rows on the GPU. */
async function ours(dtype: RowType): Promise<Side> {
  const { open } = await import("node:fs/promises");
  const handle = await open(file);
  const read = async (first: number, count: number): Promise<RowBlock> => {
    const bytes = Buffer.alloc(count * C * 4);
    await handle.read(bytes, 0, bytes.length, first * C * 4);
    return encodeRows({ data: floats(bytes), shape: [count, C] }, dtype);
  };
  const source: RowSource = { count: N, channels: C, dtype, read };
  const search = await ExactSearch.open(source, { rowMemory: 4 * 2 ** 30 });
  ends.push(
    () => search.dispose(),
    () => handle.close(),
  );
  return {
    name: `webgpu-vision, ${dtype}`,
    bytes: search.bytes,
    search: async (count) => {
      const asked = { data: queries.slice(0, count * C), shape: [count, C] };
      return (await search.search(asked, { k: K })).map((best) => best.map(({ index }) => index));
    },
  };
}

/** NumPy's product and partition, and Faiss's flat index, in a process of Python. */
function python(command: string): Side[] {
  const child = spawn(command, ["bench/peers/search.py", folder, String(C)], { stdio: ["pipe", "pipe", "inherit"] });
  ends.push(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (name: string, count: number): Promise<number[][]> => {
    child.stdin.write(`${name} ${count} ${K}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("Python ended");
    return JSON.parse(value);
  };
  return ["NumPy", "Faiss"].map((name) => {
    return { name: `${name}, f32`, bytes: N * C * 4, search: (count: number) => ask(name, count) };
  });
}

async function lance(): Promise<Side[]> {
  const place = join(folder, "lance");
  rmSync(place, { recursive: true, force: true });
  const database = await connect(place);
  const item = new Field("item", new Float32(), true);
  const vectorType = new FixedSizeList(C, item);
  const fields = [new Field("id", new Int32(), true), new Field("vector", vectorType, true)];
  const stored: Table = await database.createEmptyTable("rows", new Schema(fields));
  const { open } = await import("node:fs/promises");
  const handle = await open(file);
  for (let first = 0; first < N; first += 4 * BLOCK) {
    const count = Math.min(4 * BLOCK, N - first);
    const bytes = Buffer.alloc(count * C * 4);
    await handle.read(bytes, 0, bytes.length, first * C * 4);
    const ids = Int32Array.from({ length: count }, (_, i) => first + i);
    const numbers = makeData({ type: new Float32(), length: count * C, data: floats(bytes) });
    const vectors = makeData({ type: vectorType, length: count, child: numbers });
    await stored.add(new ArrowTable({ id: makeVector(ids), vector: new Vector([vectors]) }) as never);
  }
  await handle.close();
  const began = performance.now();
  const numPartitions = Math.max(1, Math.round(Math.sqrt(N) / 4));
  await stored.createIndex("vector", { config: Index.ivfFlat({ distanceType: "cosine", numPartitions }) });
  console.error(`LanceDB's index of ${numPartitions} parts: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const queryAt = (q: number) => queries.slice(q * C, (q + 1) * C);
  const side = (name: string, isExact: boolean, nprobes: number): Side => ({
    name,
    bytes: N * C * 4,
    isSlow: isExact,
    search: async (count) => {
      const best: number[][] = Array.from({ length: count }, () => []);
      for (let first = 0; first < count; first += AT_ONCE) {
        const query = stored.query().nearestTo(queryAt(first)).distanceType("cosine").limit(K);
        const last = Math.min(count, first + AT_ONCE);
        for (let q = first + 1; q < last; q++) query.addQueryVector(queryAt(q));
        const asked = isExact ? query.bypassVectorIndex() : query.nprobes(nprobes);
        // Rows of several queries come with the number of theirs, the best of each first. LanceDB cannot be asked for
        // that number: all columns come.
        const rows = last > first + 1 ? asked : asked.select(["id", "_distance"]);
        for (const { id, query_index: q = 0 } of await rows.toArray()) best[first + q]?.push(id);
      }
      return best;
    },
  });
  return [
    side("LanceDB, exact", true, 0),
    ...PROBES.map((count) => side(`LanceDB, IVF flat, ${count} parts`, false, count)),
  ];
}

function report(): string {
  const reference = sides.find(({ name }) => name.startsWith("NumPy")) ?? (sides[0] as Side);
  const recall = (side: Side, count: number) => {
    const [got, want] = [bestRows.get(`${side.name} ${count}`), bestRows.get(`${reference.name} ${count}`)];
    const same = (want ?? []).map((best, q) => best.filter((id) => got?.[q]?.includes(id)).length);
    return same.reduce((sum, some) => sum + some, 0) / (count * K);
  };
  const median = (side: Side, count: number) => {
    const sorted = [...(seconds.get(`${side.name} ${count}`) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] as number;
  };
  const lines = sides.map((side) => [
    side.name,
    `${(side.bytes / 2 ** 20).toFixed(0)} MiB`,
    ...QUERIES.map((count) => `${median(side, count).toFixed(3)} s`),
    recall(side, 64).toFixed(3),
  ]);
  const head = ["search", "rows", "1 query", "64 queries", `of ${reference.name.split(",")[0]}'s ${K} best`];
  const title = `${N.toLocaleString("en")} rows of ${C}, unit length, ${cpus().length} cores`;
  if (!options.write) return `${title}\n${table([head, ...lines], "lrrrr")}`;
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const about =
    "`npm run bench:search -- --python PYTHON --write bench/results/search.md` wrote this.\nMedians of " +
    `${options.turns} turn(s) in which all take theirs; this engine's rows are on the GPU, which is lavapipe here.`;
  return `# Search\n\n${about}\n\n${title}:\n\n${row(head)}\n|---|---|---|---|---|\n${lines.map(row).join("\n")}\n`;
}
