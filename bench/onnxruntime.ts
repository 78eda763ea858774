// ONNX Runtime as a peer: its npm package is installed into .cache/peers at the first use, apart from this package's
// dependencies, and its graphs are given the same weights as ours.
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { type SeededRow, seededTensor } from "../scripts/seeded.ts";

const VERSION = "1.30.0";
const FOLDER = resolve(".cache/peers");

/** The part of onnxruntime-node that is used. */
export interface OnnxRuntime {
  readonly InferenceSession: { create(path: string, options: object): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OnnxTensor;
}

export interface Session {
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxTensor {
  readonly data: Float32Array;
}

/** Loads onnxruntime-node, installing it first where it is missing. */
export function loadOnnxRuntime(): OnnxRuntime {
  const require = createRequire(join(FOLDER, "package.json"));
  if (!existsSync(join(FOLDER, "node_modules", "onnxruntime-node"))) {
    mkdirSync(FOLDER, { recursive: true });
    const given = ["install", "--prefix", FOLDER, "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status, stderr } = spawnSync("npm", [...given, `onnxruntime-node@${VERSION}`], { encoding: "utf8" });
    if (status !== 0) throw new Error(`npm could not install onnxruntime-node ${VERSION}: ${stderr}`);
  }
  return require("onnxruntime-node") as OnnxRuntime;
}

interface External {
  readonly offset: number;
  readonly from: readonly string[];
  readonly as: "same" | "transposed" | "qkv" | "folded" | "foldedBias";
}

/** A graph of bench/peers with the manifest's weights beside it; gives its path. */
export function fillGraph(name: string, manifest: string): string {
  const folder = join(FOLDER, "graphs");
  const path = join(folder, `${name}.onnx`);
  if (existsSync(`${path}.filled`)) return path;
  mkdirSync(folder, { recursive: true });
  copyFileSync(`bench/peers/${name}.onnx`, path);
  const rows = new Map((JSON.parse(readFileSync(manifest, "utf8")) as SeededRow[]).map((row) => [row.name, row]));
  const file = openSync(`${path}.data`, "w");
  for (const external of JSON.parse(readFileSync(`bench/peers/${name}.json`, "utf8")) as External[]) {
    const data = arrange(external, rows);
    writeSync(file, new Uint8Array(data.buffer), 0, data.byteLength, external.offset);
  }
  closeSync(file);
  copyFileSync(`bench/peers/${name}.json`, `${path}.filled`);
  return path;
}

function arrange({ from, as }: External, rows: ReadonlyMap<string, SeededRow>): Float32Array {
  const tensors = from.map((name) => rows.get(name) as SeededRow);
  const parts = tensors.map(seededTensor);
  if (as === "same") return Float32Array.from(parts.flatMap((part) => [...part]));
  if (as === "folded" || as === "foldedBias") return fold(parts, as === "foldedBias");
  const [outputs = 0, inputs = 0] = tensors[0]?.shape ?? [];
  const data = new Float32Array(parts.length * outputs * inputs);
  parts.forEach((part, p) => {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++)
        data[i * parts.length * outputs + p * outputs + o] = part[o * inputs + i] as number;
    }
  });
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
