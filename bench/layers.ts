// Where a model's time goes: `npm run bench:layers -- [model] [--rounds n] [--json file]` times every dispatch of a
// model with seeded weights and prints it beside its achieved rate. The model's result against PyTorch is checked by
// `npm run test:full`.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Argument, Command } from "commander";
import { openDevice } from "../src/device/open.ts";
import type { ProfiledStep } from "../src/graph/executor.ts";
import { MODELS, type ModelContest, openModel } from "./contests.ts";
import { quantile } from "./measure.ts";

interface Layer {
  readonly step: ProfiledStep;
  readonly medianMs: number;
  readonly gflops: number;
}

const program = new Command("bench:layers")
  .description("Times every dispatch of a model.")
  .addArgument(new Argument("[model]").choices(Object.keys(MODELS)).default("dino-resnet50"))
  .option("--rounds <n>", "profiled runs", Number, 7)
  .option("--json <file>", "write the table as JSON")
  .parse();
const { rounds, json } = program.opts<{ rounds: number; json?: string }>();
const model = MODELS[program.processedArgs[0]] as ModelContest;

const device = await openDevice();
const { executor, close } = await openModel(device, model);
await executor.profile(); // warms up
const ms: number[][] = [];
let steps: readonly ProfiledStep[] = [];
for (let round = 0; round < rounds; round++) {
  steps = (await executor.profile()).steps;
  steps.forEach((step, i) => {
    (ms[i] ??= []).push(step.ms);
  });
}
close();

const layers = steps.map((step, i): Layer => {
  const medianMs = quantile(ms[i] as number[], 0.5);
  return { step, medianMs, gflops: step.flops / medianMs / 1e6 };
});
const total = layers.reduce((sum, { medianMs }) => sum + medianMs, 0);
console.log(`${model.what} on ${device.info.description}: ${layers.length} dispatches, ${total.toFixed(1)} ms`);
for (const { step, medianMs, gflops } of layers) {
  const cells = [
    step.kernel.padEnd(12),
    step.variant.padEnd(13),
    `[${step.shape.join(", ")}]`.padEnd(20),
    `${medianMs.toFixed(2)} ms`.padStart(11),
    step.flops ? `${gflops.toFixed(1)} GFLOP/s`.padStart(14) : "".padStart(14),
    `${((100 * medianMs) / total).toFixed(1)} %`.padStart(8),
  ];
  console.log(cells.join("  "));
}
if (json) {
  mkdirSync(dirname(json), { recursive: true });
  const table = layers.map(({ step: { kernel, variant, shape, flops }, medianMs, gflops }) => {
    return { kernel, variant, shape, flops, medianMs, gflops };
  });
  const report = { model: model.what, adapter: device.info, node: process.version, rounds, totalMs: total };
  writeFileSync(json, `${JSON.stringify({ ...report, layers: table }, null, 1)}\n`);
}
device.destroy();
