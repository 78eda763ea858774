// Compiles every pipeline of a model's plans and computes nothing: whether a driver takes them all, and, under a
// compiler that reports what it made, how good they are. No weights are read.
import { type Device, USAGE } from "../device/device.ts";
import { PipelineCache } from "../device/pipeline.ts";
import { formatShape, sizeOf } from "../device/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { plan, type Step } from "../graph/plan.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import { bindingCounts, paramBytes, pipelineSource } from "../kernels/kernel.ts";
import { allFamilies } from "../models/families.ts";
import { graphOf } from "../models/part.ts";
import { Weights } from "../models/weights.ts";
import { recognizeModel } from "../session/pretrained.ts";
import { computedIn, type ModelDType, planOptions } from "../session/session.ts";
import { storedOrSeeded } from "./seeded.ts";

/** A pipeline of a plan. */
export interface CompiledPipeline {
  /** Name of the kernel and of its variant, and the largest result that it is launched for. */
  readonly label: string;
  /** Its launches in the plan. */
  readonly steps: readonly Step[];
  readonly pipeline: GPUComputePipeline;
  /** Milliseconds until it had run once; next to none where the device, or the driver's cache on disk, had it. */
  readonly milliseconds: number;
}

/** What was compiled for a part of a model. */
export interface CompiledPart {
  /** "image", "text", "encoder" … */
  readonly part: string;
  readonly dispatches: number;
  /** In the order of the plan. Parts and models that need the same one have the same object. */
  readonly pipelines: readonly CompiledPipeline[];
}

export interface CompileOptions extends SourceOptions {
  readonly dtype?: ModelDType | undefined;
  /** Run a workgroup of each pipeline, as some drivers compile only then; true when absent. */
  readonly isRun?: boolean;
}

/**
 * Compiles what each part of a model launches for one picture, text or prompt, one pipeline after the other, each once,
 * and runs a workgroup of it on buffers of a few bytes.
 *
 * @throws KernelError with the driver's message where one does not compile; NotFoundError, InvalidFileError or
 * CheckpointError where there is no such model.
 * @example
 * for await (const { part, pipelines } of compileModel(device, "openai/clip-vit-base-patch32")) {
 *   console.log(part, pipelines.length);
 * }
 */
export async function* compileModel(
  device: Device,
  from: SourceLike,
  { dtype = "f32", isRun = true, ...options }: CompileOptions = {},
): AsyncGenerator<CompiledPart> {
  const { checkpoint, model } = await recognizeModel(allFamilies(), from, options, storedOrSeeded);
  try {
    for (const [name, { part }] of Object.entries(model.examples(computedIn(dtype)))) {
      options.signal?.throwIfAborted();
      const graph = graphOf(part, (into) => Weights.of(into, checkpoint, computedIn(dtype), model.naming));
      yield { part: name, ...(await compileGraph(device, graph, { dtype, isRun })) };
    }
  } finally {
    await checkpoint.close();
  }
}

/** As `compileModel`, of a graph. */
export async function compileGraph(
  device: Device,
  graph: Graph,
  { dtype = "f32", isRun = true }: Pick<CompileOptions, "dtype" | "isRun">,
): Promise<Omit<CompiledPart, "part">> {
  const { steps } = plan(graph, device, await planOptions(dtype, device));
  const pipelines: CompiledPipeline[] = [];
  for (const launches of byPipeline(steps)) pipelines.push(await compile(device, launches, isRun));
  return { dispatches: steps.length, pipelines };
}

function byPipeline(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const key = PipelineCache.key(pipelineSource(step.kernel, step.launch));
    groups.set(key, [...(groups.get(key) ?? []), step]);
  }
  return [...groups.values()];
}

async function compile(device: Device, steps: readonly Step[], isRun: boolean): Promise<CompiledPipeline> {
  const largest = steps.reduce((a, b) => (sizeOf(b.value.shape) > sizeOf(a.value.shape) ? b : a));
  const { kernel, launch, value } = largest;
  const name = launch.variant ?? launch.entryPoint ?? "main";
  const began = performance.now();
  const pipeline = await device.pipelines.get(pipelineSource(kernel, launch));
  if (isRun) {
    dispatchEmpty(device, pipeline, largest, [1]);
    await device.done();
  }
  const milliseconds = performance.now() - began;
  return { label: `${kernel.name}.${name} ${formatShape(value.shape)}`, steps, pipeline, milliseconds };
}

/** Dispatches a step with buffers of a few bytes, all 0: its loops take no turns. */
export function dispatchEmpty(
  device: Device,
  pipeline: GPUComputePipeline,
  { kernel }: Step,
  workgroups: readonly [number, number?, number?],
): void {
  const read = kernel.inputs.map(() => device.zero);
  const written = kernel.outputs.map((name) => device.createBuffer(256, USAGE.STORAGE, name));
  const params = device.createBuffer(paramBytes(kernel), USAGE.UNIFORM, "params");
  const entries = [...read, ...written, params].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layout = device.pipelines.layout(bindingCounts(kernel));
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.gpu.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
  for (const buffer of [...written, params]) device.free(buffer);
}
