// What the peers need on disk, all below .cache/peers: their npm packages, installed at the first use and apart from
// this package's dependencies, and graphs and checkpoints with the same seeded weights.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { writeSeeded } from "../scripts/seeded.ts";
import { type SeededRow, seededTensor } from "../src/check/seeded.ts";

export const PEERS = {
  "onnxruntime-node": "1.30.0",
  "onnxruntime-web": "1.30.0",
  "@huggingface/transformers": "4.3.2",
  "@tensorflow/tfjs-core": "4.22.0",
  "@tensorflow/tfjs-backend-cpu": "4.22.0",
  "@tensorflow/tfjs-backend-webgpu": "4.22.0",
} as const;

export const PEER_FOLDER = resolve(".cache/peers");

/** Installs what is missing of these packages. */
export function installPeers(names: readonly (keyof typeof PEERS)[]): void {
  const missing = names.filter((name) => !existsSync(join(PEER_FOLDER, "node_modules", name)));
  if (missing.length === 0) return;
  mkdirSync(PEER_FOLDER, { recursive: true });
  const specifiers = Object.entries(PEERS).map(([name, version]) => `${name}@${version}`);
  console.error(`bench: installing ${missing.join(", ")} into ${PEER_FOLDER}`);
  const given = ["install", "--prefix", PEER_FOLDER, "--ignore-scripts", "--no-audit", "--no-fund", ...specifiers];
  const { status, stderr } = spawnSync("npm", given, { encoding: "utf8", shell: process.platform === "win32" });
  if (status !== 0) throw new Error(`npm could not install ${specifiers.join(", ")}: ${stderr}`);
}

/** A module of an installed peer. */
export function requirePeer<T>(name: keyof typeof PEERS): T {
  return createRequire(join(PEER_FOLDER, "package.json"))(name) as T;
}

/** The manifest of a model of test/golden. */
export function manifestOf(golden: string): SeededRow[] {
  return JSON.parse(readFileSync(`test/golden/${golden}/manifest.json`, "utf8")) as SeededRow[];
}

/** A checkpoint of seeded weights, made at the first use; gives its path. */
export async function seededCheckpoint(name: string, rows: readonly SeededRow[]): Promise<string> {
  const path = join(PEER_FOLDER, "weights", `${name}.safetensors`);
  return filled(path, JSON.stringify(rows), () => writeSeeded(rows, path));
}

interface External {
  readonly offset: number;
  readonly from: readonly string[];
  readonly as: "same" | "transposed" | "qkv" | "folded" | "foldedBias" | "distances";
}

/** A graph of bench/peers with its weights beside it (PATH.data); gives its path. */
export async function filledGraph(name: string, rows: readonly SeededRow[]): Promise<string> {
  const path = join(PEER_FOLDER, "graphs", `${name}.onnx`);
  const layout = readFileSync(`bench/peers/${name}.json`, "utf8");
  const graph = readFileSync(`bench/peers/${name}.onnx`).toString("base64");
  return filled(path, layout + graph, async () => {
    copyFileSync(`bench/peers/${name}.onnx`, path);
    const byName = new Map(rows.map((row) => [row.name, row]));
    const file = openSync(`${path}.data`, "w");
    for (const external of JSON.parse(layout) as External[]) {
      const data = arrange(external, byName);
      writeSync(file, new Uint8Array(data.buffer), 0, data.byteLength, external.offset);
    }
    closeSync(file);
  });
}

/** Makes a file unless it was made from the same. */
async function filled(path: string, from: string, make: () => void | Promise<void>): Promise<string> {
  const mark = `${path}.from`;
  if (existsSync(mark) && readFileSync(mark, "utf8") === from) return path;
  mkdirSync(join(path, ".."), { recursive: true });
  await make();
  writeFileSync(mark, from);
  return path;
}

/** The tensors of the checkpoint as the graph holds them. */
function arrange({ from, as }: External, rows: ReadonlyMap<string, SeededRow>): Float32Array {
  const tensors = from.map((name) => {
    const row = rows.get(name);
    if (!row) throw new RangeError(`the manifest has no ${name}`);
    return row;
  });
  const parts = tensors.map(seededTensor);
  if (as === "folded" || as === "foldedBias") return fold(parts, as === "foldedBias");
  const [outputs = 0, inputs = 0] = tensors[0]?.shape ?? [];
  const [first = new Float32Array()] = parts;
  if (as === "distances") return distances(first, outputs, inputs);
  if (as === "same") return joined(parts);
  const data = new Float32Array(parts.length * outputs * inputs);
  parts.forEach((part, p) => {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++)
        data[i * parts.length * outputs + p * outputs + o] = part[o * inputs + i] as number;
    }
  });
  return data;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

/** Batch norm in the convolution before it: its weight [O, …] scaled, or the bias that is left. */
function fold(parts: readonly Float32Array[], isBias: boolean): Float32Array {
  const [gamma = [], variance = [], ...rest] = isBias ? parts : parts.slice(1);
  const factor = Float64Array.from(gamma, (value, o) => value / Math.sqrt((variance[o] as number) + 1e-5));
  if (isBias) {
    const [beta = [], mean = []] = rest;
    return Float32Array.from(beta, (value, o) => value - (mean[o] as number) * (factor[o] as number));
  }
  const weight = parts[0] as Float32Array;
  const size = weight.length / factor.length;
  return weight.map((value, i) => value * (factor[Math.floor(i / size)] as number));
}

/** A vector for each distance [2 S - 1, C] as one for each pair of places [S, S, C]. */
function distances(table: Float32Array, rows: number, channels: number): Float32Array {
  const side = (rows + 1) / 2;
  const data = new Float32Array(side * side * channels);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const row = i - j + side - 1;
      data.set(table.subarray(row * channels, (row + 1) * channels), (i * side + j) * channels);
    }
  }
  return data;
}
