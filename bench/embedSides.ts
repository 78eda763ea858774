// Who embeds the same pictures in `npm run bench:index -- --python P`: this engine, PyTorch as clip-retrieval does it,
// and transformers.js on its CPU and WebGPU providers. All take turns; what they give is compared with this engine's.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Clip } from "../src/api/clip.ts";
import { installPeers, PEER_FOLDER } from "./peerFiles.ts";

interface EmbedSide {
  readonly name: string;
  /** A row for each of the pictures. */
  embed(paths: readonly string[]): Promise<ArrayLike<number>[]>;
  close(): void;
}

/** What a side did in its turns. */
export interface EmbedResult {
  readonly name: string;
  /** Pictures a second in each turn. */
  readonly rates: readonly number[];
  /** The least cosine of a row with this engine's. */
  readonly leastCosine: number;
}

/** Lets all sides embed parts of the pictures, in turns and each first in one of them; `python` has torch. */
export async function compareSides(parts: readonly string[][], python: string): Promise<EmbedResult[]> {
  const sides = [await ours(), ...peers(python)];
  const rates = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  const least = new Map<string, number>();
  for (const side of sides) await side.embed((parts[0] as string[]).slice(0, 64)); // models, plans and processes
  for (const [turn, paths] of parts.entries()) {
    const rows = new Map<string, ArrayLike<number>[]>();
    const first = turn % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
      const began = performance.now();
      rows.set(side.name, await side.embed(paths));
      const rate = (1000 * paths.length) / (performance.now() - began);
      rates.get(side.name)?.push(rate);
      console.error(`${side.name}: ${rate.toFixed(1)} pictures a second`);
    }
    const reference = rows.get((sides[0] as EmbedSide).name) as ArrayLike<number>[];
    for (const [name, some] of rows) {
      const cosines = some.map((row, i) => cosine(row, reference[i] as ArrayLike<number>));
      least.set(name, Math.min(least.get(name) ?? 1, ...cosines));
    }
  }
  for (const side of sides) side.close();
  return sides.map(({ name }) => ({ name, rates: rates.get(name) ?? [], leastCosine: least.get(name) ?? NaN }));
}

const MODEL = resolve("checkpoints/tiny-clip");

async function ours(): Promise<EmbedSide> {
  const clip = await Clip.fromPretrained(MODEL);
  return {
    name: "webgpu-vision",
    embed: async (paths) => {
      const rows: Float32Array[] = [];
      for await (const { embedding } of clip.encodeImages(paths)) rows.push(embedding);
      return rows;
    },
    close: () => clip.dispose(),
  };
}

function peers(python: string): EmbedSide[] {
  installPeers(["@huggingface/transformers"]);
  const model = exported(python);
  const script = ["bench/peers/embed.mjs", PEER_FOLDER, model];
  return [
    childSide("PyTorch, CPU", spawnSide(python, ["bench/peers/embed.py", MODEL])),
    childSide("transformers.js, CPU", spawnSide(process.execPath, [...script, "cpu"])),
    childSide("transformers.js, WebGPU", spawnSide(process.execPath, [...script, "webgpu"])),
  ];
}

/** tiny-clip as transformers.js takes it, with its image tower as ONNX. */
function exported(python: string): string {
  const folder = join(PEER_FOLDER, "tiny-clip");
  const graph = join(folder, "onnx", "vision_model.onnx");
  if (existsSync(graph)) return folder;
  mkdirSync(join(folder, "onnx"), { recursive: true });
  for (const name of readdirSync(MODEL).filter((file) => file.endsWith(".json"))) {
    copyFileSync(join(MODEL, name), join(folder, name));
  }
  const { status } = spawnSync(python, ["bench/peers/embed.py", MODEL, "--export", graph], { stdio: "inherit" });
  if (status !== 0) throw new Error(`${python} could not export ${MODEL}`);
  return folder;
}

const spawnSide = (command: string, given: readonly string[]): ChildProcess =>
  spawn(command, given, { stdio: ["pipe", "pipe", "inherit"] });

/** A process that takes a line of paths and answers with a line of rows. */
function childSide(name: string, child: ChildProcess): EmbedSide {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return {
    name,
    embed: async (paths) => {
      child.stdin?.write(`${JSON.stringify(paths)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended`);
      return JSON.parse(value) as number[][];
    },
    close: () => child.kill(),
  };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / Math.sqrt(aa * bb);
}
