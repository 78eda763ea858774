// `verify`: every kernel against its reference and the shipped checkpoints against stored outputs, on this adapter.
import { KERNELS, type Verification, verifyClip, verifyKernels } from "../api/verify.ts";
import { openDevice } from "../device/open.ts";
import type { Context } from "./context.ts";
import { EXIT, UsageError } from "./failure.ts";
import { shippedCheckpoint } from "./paths.ts";
import { table } from "./table.ts";

/** Checkpoints that ship with outputs to compare with. */
const CHECKPOINTS = { "tiny-clip": verifyClip } as const;

type CheckpointName = keyof typeof CHECKPOINTS;

const NAMES: readonly string[] = [...KERNELS, ...Object.keys(CHECKPOINTS)];

/** `names` are kernels and checkpoints; all when empty. */
export async function verify(names: readonly string[], context: Context): Promise<number> {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown) throw new UsageError(`nothing to verify is called ${unknown}; there are ${NAMES.join(", ")}`);
  const { terminal, options, signal } = context;
  const isWanted = (name: string) => names.length === 0 || names.includes(name);
  using device = await openDevice();
  const adapter = device.info.description || device.info.vendor;
  const progress = terminal.progress("kernels", 1);
  const results = await verifyKernels(device, {
    kernels: KERNELS.filter(isWanted),
    signal,
    onProgress: ({ done, total }) => progress.update(done, total),
  });
  progress.stop();
  for (const name of (Object.keys(CHECKPOINTS) as CheckpointName[]).filter(isWanted)) {
    const outputs = await CHECKPOINTS[name](device, shippedCheckpoint(name), { signal });
    results.push(...outputs.map((output) => ({ ...output, name: `${name} ${output.name}` })));
  }
  const isPassed = results.every(({ failures }) => failures.length === 0);
  if (options.json) {
    terminal.result(JSON.stringify({ adapter, hasF16: device.hasF16, passed: isPassed, results }, undefined, 2));
  } else {
    terminal.result(`Adapter: ${adapter}${device.hasF16 ? "" : " (no shader-f16: f32 only)"}\n`);
    terminal.result(resultTable(results));
    terminal.result(summary(results));
  }
  return isPassed ? EXIT.OK : EXIT.FAILURE;
}

function resultTable(results: readonly Verification[]): string {
  const rows = results.map(({ name, dtype, cases, error, tolerance, failures }) => {
    return [name, dtype, String(cases), shown(error), shown(tolerance), failures.length ? "FAILED" : "ok"];
  });
  return table([["", "type", "cases", "largest error", "allowed", ""], ...rows], "llrrrl");
}

function shown(error: number): string {
  if (error === 0) return "0";
  return Number.isFinite(error) ? error.toExponential(1) : "no result";
}

function summary(results: readonly Verification[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const cases = results.reduce((sum, { cases }) => sum + cases, 0);
  if (failed.length === 0) return `\nAll ${cases} cases agree.`;
  const lines = failed.flatMap(({ name, dtype, failures }) => failures.map((why) => `  ${name} ${dtype}: ${why}`));
  return `\nFailed:\n${lines.join("\n")}`;
}
