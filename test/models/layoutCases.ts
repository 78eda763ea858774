// The small checkpoints of test/golden/layouts.json (scripts/goldenLayouts.py): their weights, their files in a folder,
// and the picture that they are shown.
import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import { type SeededRow, seededTensor } from "../../src/check/seeded.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { type TensorData, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";

type Row = readonly [name: string, shape: readonly number[], mean: number, scale: number];
type Numbers = readonly (readonly number[])[];

export interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, object>>;
  readonly manifest: readonly Row[];
  readonly expected: Readonly<Record<string, Numbers>> & { readonly states?: readonly Numbers[] };
  readonly adapts?: string;
  readonly alpha?: number;
  readonly lora?: readonly Row[];
}

export const { cases, texts, floats } = JSON.parse(readFileSync("test/golden/layouts.json", "utf8")) as {
  readonly floats: Readonly<Record<"F8_E4M3" | "F8_E5M2", readonly (number | string | null)[]>>;
  readonly cases: readonly Case[];
  readonly texts: readonly string[];
};

export type Tensors = Record<string, TensorData & { data: Uint8Array }>;

const seededRow = ([name, shape, mean, scale]: Row): SeededRow => ({ name, shape, mean, scale });

export function f32(row: Row): Tensors[string] {
  return { dtype: "F32", shape: row[1], data: new Uint8Array(seededTensor(seededRow(row)).buffer) };
}

export function weightsOf({ manifest }: Case): Tensors {
  return Object.fromEntries(manifest.map((row) => [row[0], f32(row)]));
}

/** The picture of the script, of so many pixels a side. */
function pictureOf(side: number) {
  const row = { name: "picture", shape: [side, side, 3], mean: 128, scale: 128 };
  const data = Uint8Array.from(seededTensor(row), (value) => Math.min(255, Math.floor(value)));
  return { data, width: side, height: side, channels: 3 } as const;
}

/** As the models see it. */
export const PICTURE = pictureOf(32);

export function caseOf(name: string): Case {
  const match = cases.find((one) => one.name === name);
  if (!match) throw new RangeError(`no case ${name}`);
  return match;
}

/** Writes a folder with the case's files and these weights, with the tokenizer of tiny-clip, and gives it to `use`. */
export async function inFolder<T>(
  { files }: Pick<Case, "files">,
  tensors: Tensors,
  use: (folder: string) => Promise<T>,
) {
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-layouts-"));
  try {
    const isOpenClip = "open_clip_config.json" in files;
    const weights = isOpenClip ? "open_clip_model.safetensors" : "model.safetensors";
    await writeFile(join(folder, weights), writeSafetensors(tensors));
    for (const [name, json] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(json));
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await copyFile(`checkpoints/tiny-clip/${name}`, join(folder, name));
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function withClip<T>(
  one: Pick<Case, "files">,
  tensors: Tensors,
  use: (clip: Clip) => Promise<T>,
): Promise<T> {
  return inFolder(one, tensors, async (folder) => {
    using clip = await Clip.fromPretrained(folder, { device: await testDevice() });
    return await use(clip);
  });
}

export async function dinoFeatures(one: Pick<Case, "files">, tensors: Tensors, side = 32) {
  return inFolder(one, tensors, async (folder) => {
    using dino = await Dino.fromPretrained(folder, { device: await testDevice() });
    return await dino.encodeImage(pictureOf(side), { size: [side, side] });
  });
}

export const flat = (rows: Numbers | undefined) => Float32Array.from((rows ?? []).flat());

/** Rows of the last axis of [1, T, C]. */
export const row = ({ data, shape }: NdArray, index: number) => {
  const C = shape.at(-1) ?? 0;
  return data.subarray(index * C, (index + 1) * C);
};

/** The same tensors under names that begin with a prefix. */
export function below(prefix: string, tensors: Tensors): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}
