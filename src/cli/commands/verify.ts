// `verify`: every kernel against its reference and the shipped checkpoints against stored outputs, on this adapter. The
// rows of the table come one by one: on a CPU all of them take minutes, MobileSAM longest.
import { compileModel } from "../../check/compileModel.ts";
import { dtypesOf, KERNELS, type Verification, verifyKernels } from "../../check/verifyKernels.ts";
import { verifyModel } from "../../check/verifyModel.ts";
import type { Device } from "../../device/device.ts";
import { KernelError } from "../../device/errors.ts";
import { type Context, onDevice } from "../context.ts";
import { EXIT, UsageError } from "../failure.ts";
import { shippedCheckpoint, shippedCheckpoints } from "../files/paths.ts";
import { jsonText } from "../printable.ts";

const NAMES: readonly string[] = [...KERNELS, ...shippedCheckpoints()];

/** What `verify` does besides. */
export interface VerifyCommandOptions {
  /** Every variant of the kernels. */
  readonly variants?: boolean;
  /** Compile the pipelines of the checkpoints, and compute nothing. */
  readonly compile?: boolean;
}

/** Throws UsageError for a name that is neither a kernel nor a shipped checkpoint, and for what --compile skips. */
export function checkNames(names: readonly string[], { variants, compile }: VerifyCommandOptions): void {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown) throw new UsageError(`nothing to verify is called ${unknown}; there are ${NAMES.join(", ")}`);
  const kernel = names.find((name) => KERNELS.includes(name));
  if (compile && kernel) throw new UsageError(`--compile is for checkpoints, and ${kernel} is a kernel`);
  if (compile && variants) throw new UsageError("give one of --compile and --variants: checkpoints, or kernels");
}

/** `names` are kernels and checkpoints that ship; all when empty, or the checkpoint that --model names. */
export function verify(names: readonly string[], how: VerifyCommandOptions, context: Context): Promise<number> {
  return onDevice(context, (device) => verifyOn(device, names, how, context));
}

async function verifyOn(
  device: Device,
  names: readonly string[],
  how: VerifyCommandOptions,
  { terminal, options, signal }: Context,
): Promise<number> {
  const adapter = device.info.description || device.info.vendor;
  const say = options.json ? () => {} : (text: string) => terminal.result(text);
  say(`Adapter: ${adapter}${device.hasF16 ? "" : " (no shader-f16: f32 only)"}\n`);
  say(line(["", "type", "cases", "largest error", "allowed", ""]));
  const results: Verification[] = [];
  const chosen = names.length || options.model ? names : NAMES;
  for await (const result of verifications(device, chosen, how, options.model, signal)) {
    results.push(result);
    say(rowOf(result));
  }
  const isPassed = results.every(({ failures }) => failures.length === 0);
  say(summary(results));
  if (options.json) {
    terminal.result(jsonText({ adapter, hasF16: device.hasF16, passed: isPassed, results }, 2));
  }
  return isPassed ? EXIT.OK : EXIT.FAILURE;
}

async function* verifications(
  device: Device,
  names: readonly string[],
  { variants = false, compile = false }: VerifyCommandOptions,
  model: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Verification> {
  if (!compile) yield* verifyKernels(device, { kernels: names, hasVariants: variants, signal });
  const shipped = shippedCheckpoints().filter((name) => names.includes(name));
  const models = shipped.map((name) => [name, shippedCheckpoint(name)] as const);
  for (const [name, from] of model === undefined ? models : [...models, [model, model] as const]) {
    const outputs = compile ? compileEach(device, from, signal) : verifyModel(device, from, { signal });
    for await (const output of outputs) yield { ...output, name: `${name} ${output.name}` };
  }
}

/** Each part of a model in each type: whether the driver takes all of its pipelines, which are the cases. */
async function* compileEach(device: Device, from: string, signal: AbortSignal): AsyncGenerator<Verification> {
  for (const dtype of dtypesOf(device)) {
    const result = { dtype, error: 0, tolerance: 0, failures: [] };
    try {
      for await (const { part, pipelines } of compileModel(device, from, { dtype, signal })) {
        yield { ...result, name: part, cases: pipelines.length };
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      yield { ...result, name: "pipelines", cases: 1, error: Number.NaN, failures: [error.message] };
    }
  }
}

// Wide enough for every row, as none is known when the first is printed.
const NAME_WIDTH = 39;

function line([name = "", dtype = "", cases = "", error = "", allowed = "", verdict = ""]: readonly string[]): string {
  const numbers = [cases.padStart(5), error.padStart(13), allowed.padStart(7)];
  return [name.padEnd(NAME_WIDTH), dtype.padEnd(4), ...numbers, verdict].join("  ").trimEnd();
}

function rowOf({ name, dtype, cases, error, tolerance, failures }: Verification): string {
  return line([name, dtype ?? "", String(cases), shown(error), shown(tolerance), failures.length ? "FAILED" : "ok"]);
}

function shown(error: number): string {
  if (error === 0) return "0";
  return Number.isFinite(error) ? error.toExponential(1) : "no result";
}

function summary(results: readonly Verification[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const cases = results.reduce((sum, { cases }) => sum + cases, 0);
  if (failed.length === 0) return `\nAll ${cases} cases agree.`;
  const lines = failed.flatMap(({ name, dtype, failures }) =>
    failures.map((why) => `  ${[name, dtype].join(" ").trim()}: ${why}`),
  );
  return `\nFailed:\n${lines.join("\n")}`;
}
