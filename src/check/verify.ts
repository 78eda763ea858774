// Proof on the user's own adapter: every kernel against its float64 reference, and shipped checkpoints against outputs
// of PyTorch that lie beside them (expected.json).
import type { Device } from "../device/device.ts";
import { CheckpointError } from "../device/errors.ts";
import { toHalfArray } from "../device/half.ts";
import type { NdArray } from "../device/tensor.ts";
import { Executor } from "../graph/executor.ts";
import { Graph } from "../graph/graph.ts";
import { l2Normalize } from "../graph/ops.ts";
import { plan } from "../graph/plan.ts";
import { WeightStore } from "../graph/store.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { Source, SourceLike } from "../io/source/source.ts";
import { openTokenizer } from "../io/tokenizer.ts";
import { clipConfig } from "../models/clip/config.ts";
import { clipImage, clipLogits, clipText } from "../models/clip/model.ts";
import { clipNaming } from "../models/clip/names.ts";
import { endPositions } from "../models/clip/tokens.ts";
import { Weights } from "../models/weights.ts";
import { planOptions } from "../session/session.ts";
import * as suites from "../verify/index.ts";
import { caseLabel, runCase } from "../verify/run.ts";
import type { KernelSuite } from "../verify/suite.ts";

/** The cases of one kernel in one type, or one output of a checkpoint. */
export interface Verification {
  /** The kernel, or the output of a checkpoint. */
  readonly name: string;
  /** Absent where nothing is computed on the GPU. */
  readonly dtype?: "f32" | "f16";
  /** How many were compared. */
  readonly cases: number;
  /** Largest error, as a share of the largest absolute value (of 1 where that is smaller: kernels). */
  readonly error: number;
  /** Largest error that is allowed. */
  readonly tolerance: number;
  /** Cases that failed, and why; none when all is well. */
  readonly failures: readonly string[];
}

/** What to verify. */
export interface VerifyOptions {
  /** Kernels to run; all when absent. */
  readonly kernels?: readonly string[];
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
}

export type DType = "f32" | "f16";

const SUITES: readonly KernelSuite[] = Object.values(suites);

/** Names of all kernels. */
export const KERNELS: readonly string[] = SUITES.map(({ kernel }) => kernel.name);

/** Runs the cases of every kernel in each type that the device has, and gives each result when it is there. */
export async function* verifyKernels(device: Device, options: VerifyOptions = {}): AsyncGenerator<Verification> {
  const { kernels = KERNELS, signal } = options;
  for (const suite of SUITES.filter(({ kernel }) => kernels.includes(kernel.name))) {
    for (const dtype of dtypesOf(device)) {
      const result = await verifySuite(device, suite, dtype, signal);
      if (result.cases > 0) yield result;
    }
  }
}

export function dtypesOf(device: Device): DType[] {
  return device.hasF16 ? ["f32", "f16"] : ["f32"];
}

async function verifySuite(
  device: Device,
  suite: KernelSuite,
  dtype: DType,
  signal?: AbortSignal,
): Promise<Verification> {
  const cases = suite.cases.filter((test) => test.dtypes?.includes(dtype) ?? true);
  const failures: string[] = [];
  let largest = 0;
  for (const test of cases) {
    signal?.throwIfAborted();
    try {
      const { error, passed } = await runCase(device, suite, test, dtype);
      device.check();
      largest = Math.max(largest, error);
      if (!passed) failures.push(`${caseLabel(test)}: error ${error.toExponential(1)}`);
    } catch (error) {
      if (device.lost) throw device.lost;
      largest = Number.POSITIVE_INFINITY;
      failures.push(`${caseLabel(test)}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const tolerance = suite.tolerance[dtype];
  return { name: suite.kernel.name, dtype, cases: cases.length, error: largest, tolerance, failures };
}

/** What expected.json of a CLIP holds: inputs, and the first numbers of each output. */
interface ExpectedClip {
  readonly pixel_values: { readonly shape: readonly number[] };
  readonly texts: readonly string[];
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly image_embeds: ExpectedArray;
  readonly text_embeds: readonly ExpectedArray[];
  readonly logits_per_image: ExpectedArray;
}

export interface ExpectedArray {
  readonly shape: readonly number[];
  readonly first: readonly number[];
}

const TOLERANCE: Readonly<Record<DType, number>> = { f32: 1e-3, f16: 2e-2 };

/** Compares a CLIP with the expected.json beside it, in each type that the device has. */
export async function* verifyClip(
  device: Device,
  from: SourceLike,
  { signal }: VerifyOptions = {},
): AsyncGenerator<Verification> {
  const source = await openSource(from, { signal });
  const expected = (await source.json("expected.json")) as ExpectedClip | undefined;
  if (!expected) throw new CheckpointError(`${source.name} has no expected.json to compare with`);
  yield verifyTokens(source, expected);
  const checkpoint = await openCheckpoint(source, { signal });
  try {
    for (const dtype of dtypesOf(device)) {
      const got = await runClip(device, source, checkpoint, expected, dtype, signal);
      yield compare("image_embeds", dtype, got.image_embeds, [expected.image_embeds]);
      yield compare("text_embeds", dtype, got.text_embeds, expected.text_embeds);
      yield compare("logits_per_image", dtype, got.logits_per_image, [expected.logits_per_image]);
    }
  } finally {
    await checkpoint.close();
  }
}

/** Token ids must be equal. */
async function verifyTokens(source: Source, expected: ExpectedClip): Promise<Verification> {
  const got = (await openTokenizer(source))?.encode(expected.texts);
  const wanted = expected.input_ids.map((row, i) => row.filter((_, j) => expected.attention_mask[i]?.[j] === 1));
  const failures = expected.texts.filter((_, i) => String(got?.[i]) !== String(wanted[i]));
  const count = expected.texts.length;
  return { name: "tokens", cases: count, error: failures.length / count, tolerance: 0, failures };
}

/** Both towers and the logits in one run, from pixel values sin(0.01 i) and the token ids. */
async function runClip(
  device: Device,
  source: Source,
  checkpoint: Checkpoint,
  { pixel_values, input_ids }: ExpectedClip,
  dtype: DType,
  signal?: AbortSignal,
) {
  const config = clipConfig(await source.json("config.json"));
  const [, C = 3, H = 0, W = 0] = pixel_values.shape;
  const [B, T] = [input_ids.length, input_ids[0]?.length ?? 0];
  const graph = new Graph();
  const weights = (type: DType) => Weights.of(graph, checkpoint, type, clipNaming(checkpoint));
  const pixels = graph.input("pixels", { dtype, shape: [1, H, W, C] });
  const image = l2Normalize({ x: clipImage(pixels, weights(dtype), config.vision).embeds });
  const ids = graph.input("ids", { dtype: "i32", shape: [B, T] });
  const end = graph.input("end", { dtype: "i32", shape: [B] });
  const text = l2Normalize({ x: clipText(ids, end, weights(dtype), config.text).embeds });
  graph.output("image_embeds", image);
  graph.output("text_embeds", text);
  graph.output("logits_per_image", clipLogits(image, text, weights(dtype), config));
  const values = sines(C, H * W);
  const ends = endPositions(input_ids, config.text.eos_token_id).map((position, row) => row * T + position);
  const inputs = {
    pixels: dtype === "f16" ? toHalfArray(values) : values,
    ids: Int32Array.from(input_ids.flat()),
    end: Int32Array.from(ends),
  };
  return runOnce(device, graph, checkpoint, inputs, signal);
}

/** sin(0.01 i) counted in [C, H * W], in the order [H * W, C]. */
export function sines(C: number, pixels: number): Float32Array {
  const values = new Float32Array(C * pixels);
  for (let c = 0; c < C; c++) {
    for (let i = 0; i < pixels; i++) values[i * C + c] = Math.sin((c * pixels + i) * 0.01);
  }
  return values;
}

/** Loads what the graph needs, runs it once, and frees everything. */
export async function runOnce(
  device: Device,
  graph: Graph,
  checkpoint: Checkpoint,
  inputs: Parameters<Executor["run"]>[0],
  signal?: AbortSignal,
): Promise<Record<string, NdArray>> {
  const made = plan(graph, device, await planOptions("f32", device));
  const store = new WeightStore(device, checkpoint);
  let executor: Executor | undefined;
  try {
    await store.load(made.statics.values(), signal);
    executor = await Executor.create(device, made, store);
    return await executor.run(inputs);
  } finally {
    executor?.dispose();
    store.dispose();
  }
}

/** The first numbers of each row, as a share of the largest of them. */
export function compare(
  name: string,
  dtype: DType,
  got: NdArray | undefined,
  rows: readonly ExpectedArray[],
): Verification {
  const columns = got?.shape.at(-1) ?? 0;
  const errors = rows.map(({ first }, row) => {
    const scale = Math.max(...first.map(Math.abs));
    const differences = first.map((wanted, i) => Math.abs((got?.data[row * columns + i] ?? Number.NaN) - wanted));
    return Math.max(...differences) / scale;
  });
  const worst = Math.max(...errors);
  const error = Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst;
  const tolerance = TOLERANCE[dtype];
  const failures = error <= tolerance ? [] : [`error ${error.toExponential(1)} of the largest value`];
  return { name, dtype, cases: rows.length, error, tolerance, failures };
}
