// `bench`: how fast this adapter runs a few kernels, beside its own roofline, and the shipped checkpoints, from cold
// start to steady runs. Results are checked before they are timed and after.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { benchModel, type ModelTiming } from "../../check/benchModel.ts";
import { verifyModel } from "../../check/verifyModel.ts";
import type { Device } from "../../device/device.ts";
import { AdapterError, KernelError } from "../../device/errors.ts";
import { openDevice } from "../../device/open.ts";
import { readSafetensors } from "../../io/safetensors/safetensors.ts";
import { allFamilies } from "../../models/families.ts";
import type { Example } from "../../models/family.ts";
import { recognizeModel } from "../../session/pretrained.ts";
import { computedIn } from "../../session/session.ts";
import { benchKernels, type KernelBench } from "../../verify/timing/benchKernels.ts";
import { type KernelRow, SUMMARY_ROWS } from "../../verify/timing/benchRows.ts";
import { type Context, namedDType } from "../context.ts";
import { EXIT, UsageError } from "../failure.ts";
import { hasWeights, packageVersion, shippedCheckpoint, shippedCheckpoints } from "../files/paths.ts";
import { jsonText } from "../printable.ts";
import { short, table } from "../table.ts";

export interface BenchRequest {
  /** Part of a name; everything when absent. */
  readonly only?: string | undefined;
  readonly rounds: number;
}

/** A part of a checkpoint that ships. */
interface ShippedPart {
  readonly what: string;
  readonly checkpoint: string;
  readonly part: string;
}

/** The parts of the checkpoints that ship with weights, whatever these are. */
async function shippedParts(): Promise<ShippedPart[]> {
  const parts = shippedCheckpoints()
    .filter(hasWeights)
    .map(async (name) => {
      const { checkpoint, model } = await recognizeModel(allFamilies(), shippedCheckpoint(name), {});
      await checkpoint.close();
      return Object.keys(model.examples("f32")).map((part) => ({ what: `${name} ${part}`, checkpoint: name, part }));
    });
  return (await Promise.all(parts)).flat();
}

const nameOf = ({ suite, what }: KernelRow) => `${suite.kernel.name}, ${what}`;

/** Throws UsageError where nothing has a name with this in it. */
export async function checkOnly(only = ""): Promise<void> {
  const names = [...SUMMARY_ROWS.map(nameOf), ...(await shippedParts()).map(({ what }) => what)];
  if (names.some((name) => name.includes(only))) return;
  throw new UsageError(`nothing to time has "${only}" in its name; there are ${names.join("; ")}`);
}

export async function bench(request: BenchRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { only = "", rounds } = request;
  const dtype = namedDType(options);
  const rows = SUMMARY_ROWS.filter((row) => nameOf(row).includes(only));
  const models = (await shippedParts()).filter(({ what }) => what.includes(only));
  const say = options.json ? () => {} : (text: string) => terminal.result(text);
  using device = await openDevice();
  if (dtype === "f16" && !device.hasF16) {
    throw new AdapterError(`the adapter (${device.info.description}) has no shader-f16: use --dtype f32`);
  }
  say(`Adapter: ${device.info.description || device.info.vendor}, ${dtype}, ${rounds} runs of each\n`);
  const kernels = rows.length > 0 ? await timeKernels(device, rows, rounds, context) : undefined;
  if (kernels) say(`${kernelText(kernels)}\n`);
  const timings: ModelTiming[] = [];
  for (const model of models) timings.push(await timeModel(device, model, rounds, context));
  if (timings.length > 0) say(modelText(timings));
  if (options.json) {
    const versions = { "webgpu-vision": packageVersion(), runtime: `Node ${process.version}` };
    const report = { adapter: device.info, versions, dtype, rounds, kernels, models: timings };
    terminal.result(jsonText(report, 2));
  }
  return EXIT.OK;
}

async function timeKernels(
  device: Device,
  rows: readonly KernelRow[],
  rounds: number,
  { terminal, options, signal }: Context,
): Promise<KernelBench> {
  const bar = terminal.progress("kernels", rows.length + rounds);
  let done = 0;
  const onProgress = () => bar.update(done++);
  try {
    return await benchKernels(device, rows, { rounds, dtype: computedIn(namedDType(options)), signal, onProgress });
  } finally {
    bar.stop();
  }
}

/** Compares a checkpoint's outputs with those stored beside it, then times one of its parts on a device of its own. */
async function timeModel(
  device: Device,
  { what, checkpoint: name, part }: ShippedPart,
  rounds: number,
  { terminal, options, signal }: Context,
): Promise<ModelTiming> {
  const dtype = namedDType(options);
  const folder = shippedCheckpoint(name);
  for await (const { name: output, failures, dtype: type } of verifyModel(device, folder, { signal })) {
    if (failures.length === 0) continue;
    throw new KernelError(`${name} ${output} ${type ?? ""}: ${failures.join("; ")}, so it is not timed`);
  }
  const weights = await readFile(join(folder, "model.safetensors"));
  const checkpoint = await readSafetensors(new Uint8Array(weights));
  const recognized = await recognizeModel(allFamilies(), folder, {});
  const example = recognized.model.examples(computedIn(dtype))[part] as Example;
  await recognized.checkpoint.close();
  const bar = terminal.progress(what, rounds + 2);
  let done = 0;
  const onProgress = () => bar.update(done++);
  try {
    const modelPart = { ...example, checkpoint, naming: recognized.model.naming };
    return await benchModel(what, modelPart, { open: () => openDevice(), dtype, rounds, signal, onProgress });
  } finally {
    bar.stop();
    await checkpoint.close();
  }
}

function kernelText({ roofline, source, kernels }: KernelBench): string {
  const head = ["kernel", "at", "median", "p10", "p90", "GFLOP/s", "GB/s", "of roofline"];
  const rows = kernels.map(({ kernel, what, flops, bytes, ofRoofline, ms: { median, p10, p90 } }) => [
    ...[kernel, what],
    ...[median, p10, p90].map(time),
    (flops / median / 1e6).toFixed(1),
    (bytes / median / 1e6).toFixed(1),
    `${(100 * ofRoofline).toFixed(0)} %`,
  ]);
  return (
    `${table([head, ...rows], "llrrrrrr")}\n` +
    `Roofline, measured: ${roofline.gflops.toFixed(0)} GFLOP/s, ${roofline.gbytes.toFixed(1)} GB/s copied. ` +
    `Times by ${source}.`
  );
}

function modelText(models: readonly ModelTiming[]): string {
  const head = ["model", "run", "p10", "p90", "outside kernels", "cold start", "dispatches", "peak memory"];
  const rows = models.map((model) => [
    model.what,
    ...[model.ms.median, model.ms.p10, model.ms.p90].map(time),
    model.outsideKernels === undefined ? "unknown" : `${(100 * model.outsideKernels).toFixed(0)} %`,
    time(model.cold.totalMs),
    String(model.dispatches),
    short(model.peakBytes, "B"),
  ]);
  return (
    `${table([head, ...rows], "lrrrrrrr")}\n` +
    "A run is from pixels or tokens on the host to the result there; a cold start from weights in memory to the " +
    "first result."
  );
}

function time(ms: number): string {
  return `${ms.toFixed(ms < 1 ? 3 : ms < 10 ? 2 : 1)} ms`;
}
