// A plan on a device, ready to run: pipelines, compiled in parallel, and its buffers and bind groups, made once.
import type { Device } from "../device/device.ts";
import { bufferBytes, type Spec } from "../device/tensor.ts";
import { pipelineSource } from "../kernels/kernel.ts";
import { type BoundBuffers, StepBindGroups } from "./bindings.ts";
import type { Place } from "./placement.ts";
import type { Plan, Step } from "./plan.ts";
import type { SlotPool } from "./slotPool.ts";
import { weightAdvice } from "./statics.ts";
import type { WeightStore } from "./store.ts";
import { Uniforms } from "./uniforms.ts";

/** A step ready to be encoded. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroups: StepBindGroups;
  readonly workgroups: Step["launch"]["workgroups"];
}

/** What an executor holds on the GPU beside states and readback buffers. */
export interface PreparedPlan {
  readonly dispatches: readonly Dispatch[];
  readonly uniforms: Uniforms;
  bufferAt(place: Place, bound: BoundBuffers): GPUBuffer;
  free(): void;
}

/** Compiles and allocates; nothing stays allocated when it throws. */
export async function prepare(device: Device, plan: Plan, store: WeightStore, pool: SlotPool): Promise<PreparedPlan> {
  checkSizes(device, plan);
  const pipelines = await Promise.all(
    plan.steps.map(({ kernel, launch }) => device.pipelines.get(pipelineSource(kernel, launch))),
  );
  const { value: prepared, problem } = device.own(() => allocate(device, plan, store, pool, pipelines));
  const failure = await problem;
  if (!failure) return prepared;
  prepared.free();
  throw failure;
}

/** Makes the buffers and bind groups of a plan; nothing stays allocated when it throws. */
function allocate(
  device: Device,
  plan: Plan,
  store: WeightStore,
  pool: SlotPool,
  pipelines: readonly GPUComputePipeline[],
): PreparedPlan {
  const slots = pool.take(plan.slots);
  let uniforms: Uniforms | undefined;
  const free = () => {
    pool.give(slots);
    if (uniforms) device.free(uniforms.buffer);
  };
  const bufferAt = (place: Place, bound: BoundBuffers) => {
    if ("key" in place) return store.get(place.key).buffer;
    return ("slot" in place ? slots[place.slot] : bound.get(place.bound)) as GPUBuffer;
  };
  const resourceAt = (place: Place, bound: BoundBuffers): GPUBufferBinding => {
    const buffer = bufferAt(place, bound);
    if (!("bound" in place)) return { buffer };
    // The caller's may be larger than can be bound.
    return { buffer, size: bufferBytes((plan.bound.get(place.bound) as { value: Spec }).value) };
  };
  try {
    const params = new Uniforms(device, plan);
    uniforms = params;
    const dispatches = plan.steps.map((step, i): Dispatch => {
      const at = { buffer: params.buffer, offset: params.offsets[i] as number };
      return {
        pipeline: pipelines[i] as GPUComputePipeline,
        bindGroups: new StepBindGroups(device, step, resourceAt, at),
        workgroups: step.launch.workgroups,
      };
    });
    return { dispatches, uniforms: params, bufferAt, free };
  } catch (error) {
    free();
    throw error;
  }
}

/** Records one step into a pass. */
export function encodeDispatch(
  pass: GPUComputePassEncoder,
  { pipeline, bindGroups, workgroups }: Dispatch,
  bound: BoundBuffers,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroups.get(bound));
  pass.dispatchWorkgroups(...workgroups);
}

/** Throws LimitError where a tensor of the plan is more than this device can bind; nothing is allocated for it. */
export function checkSizes(device: Device, plan: Plan): void {
  const advice = "use a smaller input or batch";
  for (const { value } of plan.steps) {
    for (const result of value.graph.resultsOf(value)) device.checkSize(result, "an activation", advice);
  }
  for (const [name, { value }] of plan.inputs) device.checkSize(value, `input "${name}"`, advice);
  for (const [name, { kind, value }] of plan.bound) device.checkSize(value, `${kind} "${name}"`, advice);
  for (const [key, value] of plan.statics) device.checkSize(value, `weight ${key}`, weightAdvice(device, value));
}
