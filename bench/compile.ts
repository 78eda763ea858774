// Every pipeline of the models' plans, compiled once and in a known order. Under a Vulkan layer that compiles for GPUs
// that are not there, and writes what their compilers said to the folder $NULL_GPU_OUT, each is also dispatched with
// the workgroups of its plan, so that reports know how much of the work it does; results are not looked at.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CompiledPart,
  type CompiledPipeline,
  compileGraph,
  compileModel,
  dispatchEmpty,
} from "../src/check/compileModel.ts";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { byteLength } from "../src/device/tensor.ts";
import { Graph } from "../src/graph/graph.ts";
import { computedIn, type ModelDType } from "../src/session/session.ts";
import { makeInputs } from "../src/verify/suite.ts";
import { ROWS } from "./kernels.ts";

/** Real sizes, by the folder of test/golden that has configuration and names; no weights are read. */
export const COMPILED: Readonly<Record<string, string>> = {
  "clip-vit-base-patch32": "CLIP B/32",
  "dino-vits16": "DINO S/16",
  "dino-resnet50": "DINO ResNet-50",
  "clip-resnet50": "CLIP ResNet-50",
  "sam-vit-base": "SAM B",
  "mobile-sam": "MobileSAM",
  "sam2.1-hiera-tiny": "SAM 2.1 tiny",
};

const KERNELS = "kernels";
const SEARCH_AND_VIDEO = new Set(["innerProduct", "topK", "localSimilarity", "mixLabels", "stableMask"]);

export interface CompileRun {
  readonly dtype: ModelDType;
  /** Models whose names contain it. */
  readonly only: string;
  readonly say: (text: string) => void;
}

/** Compiles all; gives the number of pipelines. */
export async function compileModels(run: CompileRun): Promise<number> {
  const folder = process.env.NULL_GPU_OUT;
  // Dawn leaves f16 off on NVIDIA's Vulkan drivers unless asked.
  const toggles = folder ? ["enable-dawn-features=vulkan_enable_f16_on_nvidia"] : [];
  const device = await openDevice({ toggles });
  try {
    return await compileOn(device, folder, run);
  } finally {
    // What stands in for the GPU's memory under such a layer cannot be given back: the process ends with it.
    if (!folder) device.destroy();
  }
}

async function compileOn(
  device: Device,
  folder: string | undefined,
  { dtype, only, say }: CompileRun,
): Promise<number> {
  if (dtype === "f16" && !device.hasF16) throw new Error("this adapter has no shader-f16");
  say(`${device.info.description || device.info.vendor} (${device.info.class}), ${dtype}`);
  const labels = new Map<GPUComputePipeline, string>();
  const parts: object[] = [];
  const all = { ...COMPILED, [KERNELS]: "kernels of no model above" };
  const models = Object.entries(all).filter(([name]) => name.includes(only));
  if (models.length === 0) throw new Error(`no model contains "${only}"; there are ${Object.keys(all).join(", ")}`);
  const options = { dtype, isRun: !folder }; // what a report counts are the plan's dispatches alone
  for (const [name, title] of models) {
    const compiled =
      name === KERNELS ? compileKernels(device, options) : compileModel(device, `test/golden/${name}`, options);
    for await (const { part, dispatches, pipelines } of compiled) {
      for (const { label, steps, pipeline } of pipelines) {
        if (folder) for (const step of steps) dispatchEmpty(device, pipeline, step, step.launch.workgroups);
        if (!labels.has(pipeline)) labels.set(pipeline, `${name} ${part} ${label}`);
      }
      const written = writtenBytes(pipelines);
      const counts = `${dispatches} dispatches of ${pipelines.length} pipelines`;
      say(`${title}, ${part}: ${counts}, which write ${(written / 1e6).toFixed(1)} MB, ${timesOf(pipelines)}`);
      const numbers = [...labels.keys()];
      parts.push({ part: `${name} ${part}`, written, pipelines: pipelines.map((one) => usedBy(one, numbers)) });
    }
  }
  await device.done();
  if (folder) {
    writeFileSync(join(folder, "labels.tsv"), [...labels.values()].map((label, i) => `${i}\t${label}\n`).join(""));
    writeFileSync(join(folder, "parts.json"), JSON.stringify(parts));
  }
  return labels.size;
}

/** Kernels that search and videos use, at the sizes at which `npm run bench -- kernels` times them. */
async function* compileKernels(
  device: Device,
  options: { readonly dtype: ModelDType; readonly isRun: boolean },
): AsyncGenerator<CompiledPart> {
  for (const { suite, what, test } of ROWS) {
    if (!SEARCH_AND_VIDEO.has(suite.kernel.name)) continue;
    const graph = new Graph();
    const inputs = Object.entries(makeInputs(test, computedIn(options.dtype))).map(([name, { spec }]) => {
      return [name, graph.input(name, spec)] as const;
    });
    graph.output("y", graph.add(suite.kernel, Object.fromEntries(inputs), test.params ?? {}));
    yield { part: `${suite.kernel.name}, ${what}`, ...(await compileGraph(device, graph, options)) };
  }
}

/** Bytes that a run writes to the GPU's memory; of kernels with several results, the first. */
function writtenBytes(pipelines: readonly CompiledPipeline[]): number {
  return pipelines.flatMap(({ steps }) => steps).reduce((sum, { value }) => sum + byteLength(value), 0);
}

/** A pipeline by its number in labels.tsv, and how much a part uses it. */
function usedBy({ label, steps, pipeline }: CompiledPipeline, numbers: readonly GPUComputePipeline[]) {
  const workgroups = steps.reduce(
    (
      sum,
      {
        launch: {
          workgroups: [x, y = 1, z = 1],
        },
      },
    ) => sum + x * y * z,
    0,
  );
  return { number: numbers.indexOf(pipeline), label, dispatches: steps.length, workgroups };
}

/** How long all took, and the one that took longest. */
function timesOf(pipelines: readonly CompiledPipeline[]): string {
  const all = pipelines.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const longest = pipelines.reduce((a, b) => (b.milliseconds > a.milliseconds ? b : a));
  return `${(all / 1000).toFixed(1)} s, longest ${longest.label}: ${(longest.milliseconds / 1000).toFixed(1)} s`;
}
