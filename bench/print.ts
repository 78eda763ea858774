// Results as tables for a terminal.
import type { ModelTiming } from "../src/check/benchModel.ts";
import { short, table } from "../src/cli/table.ts";
import type { KernelBench } from "../src/verify/timing/benchKernels.ts";
import type { ContestResult, SideResult } from "./contest.ts";
import { TOLERANCE } from "./contest.ts";
import type { Layer } from "./layers.ts";
import type { PromptsResult } from "./prompts.ts";
import type { ColdResult } from "./report.ts";

const fixed = (value: number, digits: number) => (value === 0 ? "" : value.toFixed(digits));
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
const exponent = (value: number) => value.toExponential(1);
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

export function kernelsTable({ roofline, source, kernels }: KernelBench): string {
  const head = ["kernel", "at", "median ms", "p10", "p90", "GFLOP/s", "GB/s", "of roofline", "variant"];
  const rows = kernels.map(({ kernel, what, flops, bytes, ofRoofline, variant, ms: { median, p10, p90 } }) => [
    ...[kernel, what],
    ...[median, p10, p90].map((value) => fixed(value, 4)),
    fixed(flops / median / 1e6, 2),
    fixed(bytes / median / 1e6, 2),
    percent(ofRoofline),
    variant,
  ]);
  const limits = `roofline: ${roofline.gflops.toFixed(1)} GFLOP/s, ${roofline.gbytes.toFixed(1)} GB/s copied`;
  return `${limits}; times by ${source}\n\n${table([head, ...rows], "llrrrrrrl")}`;
}

export function modelsTable(models: readonly ModelTiming[]): string {
  const head = ["model", "run", "p10", "p90", "GFLOP/s", "outside kernels", "readback", "cold start", "dispatches"];
  const rows = models.map((model) => [
    model.what,
    ...[model.ms.median, model.ms.p10, model.ms.p90].map(ms),
    (model.flops / model.ms.median / 1e6).toFixed(1),
    model.outsideKernels === undefined ? "" : `${(100 * model.outsideKernels).toFixed(1)} %`,
    ms(model.readbackMs.median),
    ms(model.cold.totalMs),
    `${model.dispatches} of ${model.pipelines} pipelines`,
  ]);
  const memory = models.map(({ what, peakBytes, weightBytes, activationBytes, largestBufferBytes }) => [
    what,
    ...[peakBytes, weightBytes, activationBytes, largestBufferBytes].map((bytes) => short(bytes, "B")),
  ]);
  const sizes = table([["memory", "peak", "weights", "activations", "largest buffer"], ...memory], "lrrrr");
  return `${table([head, ...rows], "lrrrrrrrl")}\n\n${sizes}`;
}

export function promptsText({ what, together, apart, ratio }: PromptsResult): string {
  return `${what}: ${ms(together.median)} / ${ms(apart.median)} = ${ratio.toFixed(2)}x`;
}

export function contestText({ what, ratio, flops, sides, toReferee }: ContestResult): string {
  const alone = "no peer gave our result";
  const judged =
    toReferee === undefined ? alone : `${alone}, which differs by ${exponent(toReferee)} from the referee's`;
  const head = `${what}: ${ratio === undefined ? judged : `${ratio.toFixed(2)}x the best peer`}`;
  const rows = sides.map((side) => {
    if (!side.ms) return [side.name, "failed", "", side.error ?? ""];
    return [side.name, ms(side.ms.median), `${(flops / side.ms.median / 1e6).toFixed(1)} GFLOP/s`, remark(side)];
  });
  return `${head}\n${table(rows, "lrrl", "  ")}`;
}

function remark({ difference, allOnGpu }: SideResult): string {
  const remarks = [
    difference !== undefined && `differs by ${difference.toExponential(1)}${difference > TOLERANCE ? " (off)" : ""}`,
    allOnGpu === false && "some operators on the CPU",
  ];
  return remarks.filter(Boolean).join(", ");
}

export function coldText(results: readonly ColdResult[]): string {
  const rows = results.map(({ what, ms: all, ratio }) => {
    const times = Object.entries(all).map(
      ([name, values]) => `${name} ${ms(values[values.length >> 1] ?? Number.NaN)}`,
    );
    return [what, times.join(", "), ratio === undefined ? "" : `${ratio.toFixed(2)} of the peer's`];
  });
  return `cold start, from bytes in memory to the first result\n${table(rows, "lll", "  ")}`;
}

export function layersTable(layers: readonly Layer[]): string {
  const total = layers.reduce((sum, { medianMs }) => sum + medianMs, 0);
  const rows = layers.map(({ step, medianMs }) => [
    step.kernel,
    step.variant,
    `[${step.shape.join(", ")}]`,
    `${medianMs.toFixed(2)} ms`,
    step.flops ? `${(step.flops / medianMs / 1e6).toFixed(1)} GFLOP/s` : "",
    `${((100 * medianMs) / total).toFixed(1)} %`,
  ]);
  return `${layers.length} dispatches, ${total.toFixed(1)} ms\n${table(rows, "lllrrr")}`;
}

/** The geometric mean of ours against the best peer. */
export function geometricMean(results: readonly ContestResult[]): number | undefined {
  const ratios = results.flatMap(({ ratio }) => ratio ?? []);
  if (ratios.length === 0) return undefined;
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}
