// Models at their real size with seeded weights: cold start, steady runs, what is outside the kernels, memory. Each
// result is compared with PyTorch's in test/golden where one is kept there.
import { readFileSync } from "node:fs";
import { readGolden } from "../scripts/golden.ts";
import { benchModel, type KnownResult, type ModelTiming } from "../src/check/benchModel.ts";
import { openDevice } from "../src/device/open.ts";
import type { NdArray } from "../src/device/tensor.ts";
import { readSafetensors } from "../src/io/safetensors/safetensors.ts";
import { floatArray } from "../src/models/exampleInputs.ts";
import type { FloatType } from "../src/models/family.ts";
import { computedIn, type ModelDType } from "../src/session/session.ts";
import { channelsLast } from "./layout.ts";
import { modelPart } from "./parts.ts";
import { manifestOf, seededCheckpoint } from "./peerFiles.ts";

/** A tensor of a golden: file below test/golden, name, and which row of its first axis. */
interface Stored {
  readonly file: string;
  readonly tensor: string;
}

export interface BenchedModel {
  readonly name: string;
  readonly what: string;
  readonly part: string;
  readonly golden: string;
  readonly config?: string;
  /** Inputs and what PyTorch made of them; the first of each batch. */
  readonly known?: { readonly input: Stored; readonly output: Stored };
  readonly isLarge?: boolean;
}

const CLIP_PIXELS = { file: "clip-vit-base-patch32/golden", tensor: "pixel_values" };
const DINO_PIXELS = { file: "dino-pixels/golden", tensor: "224x224.pixel_values" };

const dino = (name: string, what: string, output: string): BenchedModel => {
  const known = { input: DINO_PIXELS, output: { file: `${name}/golden`, tensor: `224x224.${output}` } };
  return { name, what, part: "dino", golden: name, known };
};

const clip = (name: string, what: string, golden: string, part: "image" | "text", config = "config.json") => {
  const input = part === "image" ? CLIP_PIXELS : { file: `${golden}/golden`, tensor: "input_ids" };
  const known = { input, output: { file: `${golden}/golden`, tensor: `${part}_embeds` } };
  return { name, what, part: `clip ${part}`, golden, config, known };
};

export const MODELS: readonly BenchedModel[] = [
  clip("clip-image", "CLIP B/32 image", "clip-vit-base-patch32", "image"),
  clip("clip-text", "CLIP B/32 text", "clip-vit-base-patch32", "text"),
  clip("clip-resnet50", "CLIP ResNet-50 image", "clip-resnet50", "image", "open_clip_config.json"),
  dino("dino-vits16", "DINO S/16", "last_hidden_state"),
  dino("dino-vits8", "DINO S/8", "last_hidden_state"),
  dino("dino-resnet50", "DINO ResNet-50", "pooler_output"),
  { name: "sam-decoder", what: "SAM B decoder, one point", part: "sam decoder", golden: "sam-vit-base" },
  { name: "sam-encoder", what: "SAM B encoder", part: "sam encoder", golden: "sam-vit-base", isLarge: true },
];

export interface ModelsOptions {
  readonly rounds: number;
  /** Rounds of models that take minutes on a CPU adapter. */
  readonly largeRounds: number;
  readonly only: string;
  readonly isLarge: boolean;
  readonly dtype: ModelDType;
  /** Seconds for measuring the variants of each model's kernels; none when absent. */
  readonly tune?: number | undefined;
  readonly onProgress: (text: string) => void;
  readonly onResult: (result: ModelTiming) => void;
}

export async function benchModels(chosenBy: ModelsOptions): Promise<void> {
  const { only, isLarge, dtype, largeRounds, onResult, ...options } = chosenBy;
  const chosen = MODELS.filter(({ name, isLarge: takesLong }) => {
    return name.includes(only) && (!takesLong || isLarge || name === only);
  });
  for (const model of chosen) {
    const { checkpoint, part } = await loadModel(model, computedIn(dtype), true);
    try {
      const known = await knownOf(model, dtype);
      const open = () => openDevice();
      const rounds = model.isLarge ? largeRounds : options.rounds;
      onResult(await benchModel(model.what, part, { ...options, dtype, rounds, open, known }));
    } finally {
      await checkpoint.close();
    }
  }
}

/** The seeded checkpoint, in memory or read from its file, and what is computed with it. */
export async function loadModel(
  { golden, config = "config.json", part }: BenchedModel,
  dtype: FloatType,
  inMemory: boolean,
) {
  const path = await seededCheckpoint(golden, manifestOf(golden));
  const checkpoint = await readSafetensors(inMemory ? new Uint8Array(readFileSync(path)) : path);
  const json = JSON.parse(readFileSync(`test/golden/${golden}/${config}`, "utf8"));
  return { checkpoint, part: await modelPart(part, { checkpoint, config: json }, dtype) };
}

async function knownOf({ known, part }: BenchedModel, dtype: ModelDType): Promise<KnownResult | undefined> {
  if (!known) return undefined;
  const [given, wanted] = [await readFirst(known.input), await readFirst(known.output)];
  const error = (outputs: Readonly<Record<string, NdArray>>) => {
    const got = Object.values(outputs)[0]?.data ?? new Float32Array();
    const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] ?? Number.NaN)) / scale), 0);
  };
  const tolerance = TOLERANCES[dtype];
  if (part !== "clip text") {
    return { inputs: { pixels: floatArray(channelsLast(given, 3), computedIn(dtype)) }, error, tolerance };
  }
  const ids = Int32Array.from(given);
  const end = Int32Array.of(ids.indexOf(Math.max(...ids)));
  return { inputs: { ids, end }, error, tolerance };
}

/** Shares of the largest value. Random weights, which these are, suffer more from int8 than trained ones. */
const TOLERANCES: Readonly<Record<ModelDType, number>> = { f32: 1e-3, f16: 3e-2, q8: 0.2 };

/** The first of a stored batch, as floats. */
async function readFirst({ file, tensor }: Stored): Promise<Float32Array> {
  const stored = (await readGolden(`test/golden/${file}.safetensors`)).get(tensor);
  if (!stored) throw new RangeError(`test/golden/${file}.safetensors has no ${tensor}`);
  return stored.data.subarray(0, stored.data.length / (stored.shape[0] ?? 1));
}
