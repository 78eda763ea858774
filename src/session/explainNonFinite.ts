// Where NaN or infinity in a model's result comes from: its weights are looked through first, then its parts run on
// example inputs with a look at what each step writes.
import type { Device } from "../device/device.ts";
import { NumericError } from "../device/errors.ts";
import { fromHalf } from "../device/half.ts";
import { random } from "../device/random.ts";
import type { HostInputs } from "../graph/executor.ts";
import { firstNonFinite } from "../graph/finite.ts";
import { type NonFiniteStep, nonFiniteStep } from "../graph/nonFiniteStep.ts";
import type { Plan } from "../graph/plan.ts";
import { weightsOf } from "../graph/statics.ts";
import type { WeightStore } from "../graph/store.ts";
import type { Checkpoint, StoredTensor } from "../io/safetensors/checkpoint.ts";
import type { Example } from "../models/family.ts";
import type { Part } from "../models/part.ts";
import type { NonFiniteRun } from "./planCache.ts";

/** A model on a device, as far as it is looked into. */
export interface Suspect {
  readonly device: Device;
  readonly store: WeightStore;
  readonly checkpoint: Checkpoint;
  readonly dtype: string;
  /** Parts with inputs that they may be given. */
  readonly examples: Readonly<Record<string, Example>>;
  plan(part: Part): Plan;
}

const MOST_F16 = 65504;

/**
 * The error for such a run: which model, which type, and where it began. A device that has no room for a closer look
 * leaves it at that.
 */
export async function explainNonFinite(suspect: Suspect, run: NonFiniteRun): Promise<NumericError> {
  const { checkpoint, dtype } = suspect;
  const what = `${checkpoint.name}, ${run.part.name} in ${dtype}: the result "${run.output}" holds NaN or infinity`;
  try {
    return await explained(what, suspect, run);
  } catch (cause) {
    return new NumericError(`${what}, and where it began could not be found (${(cause as Error).message})`, { cause });
  }
}

async function explained(what: string, suspect: Suspect, { part, inputs }: NonFiniteRun): Promise<NumericError> {
  const { dtype } = suspect;
  const examples = examplesOf(suspect, part);
  const parts = [part, ...examples.map((example) => example.part)];
  const cause = badInput(part, inputs) ?? (await badWeight(suspect, parts)) ?? (await badStep(suspect, examples));
  const advice = dtype === "f16" ? ': load the model with dtype "f32", or "auto"' : "";
  return new NumericError(`${what}; ${cause ?? "with other inputs it gives numbers, so these are too large"}${advice}`);
}

/** An input from the host that is no number. */
function badInput({ inputs: specs }: Part, inputs: HostInputs): string | undefined {
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(inputs)) {
    const dtype = specs[name]?.dtype ?? "u32";
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    const at = firstNonFinite(dtype, bytes);
    if (at < 0) continue;
    const value = dtype === "f32" ? new Float32Array(bytes)[at] : fromHalf(new Uint16Array(bytes)[at] as number);
    return `its input "${name}" has ${value} at element ${at}`;
  }
  return undefined;
}

/** What is wrong with the first bad tensor of the checkpoint among those that some parts read. */
async function badWeight({ checkpoint, dtype, plan }: Suspect, parts: readonly Part[]): Promise<string | undefined> {
  const values = parts.flatMap((part) => [...plan(part).statics.values()].flatMap(weightsOf));
  const names = new Set(values.flatMap(({ node }) => (node.kind === "weight" ? [node.name] : [])));
  const most = dtype === "f16" ? MOST_F16 : Number.MAX_VALUE;
  for (const tensor of checkpoint.tensors.values()) {
    const bad = names.has(tensor.name) ? await badElement(tensor, most) : undefined;
    if (bad) return `its tensor "${tensor.name}" has ${bad}`;
  }
  return undefined;
}

/** An element that is not a number or beyond `most`; types that hold nothing of the kind have none. */
async function badElement({ dtype, stream }: StoredTensor, most: number): Promise<string | undefined> {
  let first = 0;
  for await (const chunk of stream()) {
    const { buffer } = chunk.slice(); // a copy begins at a whole element
    const values = floatsOf(dtype, buffer);
    if (!values) return undefined;
    const at = values.findIndex((value) => !(Math.abs(value) <= most));
    if (at >= 0) return `${values[at]} at element ${first + at}`;
    first += values.length;
  }
  return undefined;
}

function floatsOf(dtype: StoredTensor["dtype"], bytes: ArrayBuffer): Float32Array | undefined {
  if (dtype === "F32") return new Float32Array(bytes);
  if (dtype === "BF16") return new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer);
  // Of halves only those with an exponent of ones are no numbers.
  if (dtype === "F16") {
    return Float32Array.from(new Uint16Array(bytes), (bits) => ((bits & 0x7c00) === 0x7c00 ? Number.NaN : 0));
  }
  return undefined;
}

/** The example of a part of this name, or of all where there is none: what is made of the results of others. */
function examplesOf({ examples }: Suspect, { name }: Part): readonly Example[] {
  const all = Object.values(examples);
  const same = all.filter(({ part }) => part.name === name);
  return same.length > 0 ? same : all;
}

/** Where numbers end when parts run, in turn, on example inputs. */
async function badStep({ device, store, plan }: Suspect, examples: readonly Example[]): Promise<string | undefined> {
  for (const example of examples) {
    const planned = plan(example.part);
    await store.load(planned.statics.values());
    const step = await nonFiniteStep(device, planned, store, await example.inputs(random(1)));
    if (step) return `run again on an example, it begins in ${stepText(step)}`;
  }
  return undefined;
}

function stepText({ kernel, weights, readsWeights }: NonFiniteStep): string {
  const names = weights.map((name) => `"${name}"`).join(" and ");
  return names ? `${kernel} ${readsWeights ? "with" : "after"} ${names}` : kernel;
}
