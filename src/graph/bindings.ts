// The buffers that a run finds by name: the caller's for bound inputs and outputs, and those of states. A bind group is
// made once for each combination of buffers that is used, and goes when one of them does.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { bufferBytes, formatShape, type Tensor } from "../device/tensor.ts";
import { bindingCounts, paramBytes } from "../kernels/kernel.ts";
import type { BoundTensor, Place } from "./placement.ts";
import type { Plan, Step } from "./plan.ts";

/** The caller's buffers, by the names of bound inputs, bound outputs and states. */
export type Bindings = Readonly<Record<string, GPUBuffer | Tensor>>;

/** The buffer of everything that a plan has bound. */
export type BoundBuffers = ReadonlyMap<string, GPUBuffer>;

/** States' own buffers, made when they are first asked for: a caller may bring buffers for all of them. */
export class StateBuffers {
  readonly #device: Device;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** Zeros at first. */
  get(name: string, { value }: BoundTensor): GPUBuffer {
    let buffer = this.#buffers.get(name);
    if (!buffer) {
      const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
      buffer = this.#device.createBuffer(bufferBytes(value), usage, `state ${name}`);
      this.#buffers.set(name, buffer);
    }
    return buffer;
  }

  /** Makes zeros of a state, or of all. */
  reset(name?: string): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    for (const [of, buffer] of this.#buffers) if (name === undefined || of === name) encoder.clearBuffer(buffer);
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  free(): void {
    for (const buffer of this.#buffers.values()) this.#device.free(buffer);
    this.#buffers.clear();
  }
}

/** The buffers of a run: checks those given, and takes the states' own where none is. */
export function boundBuffers(plan: Plan, given: Bindings, states: StateBuffers): BoundBuffers {
  const names = [...plan.bound.keys()].join(", ") || "none";
  for (const name of Object.keys(given)) {
    if (!plan.bound.has(name)) throw new ArgumentError(`the plan has nothing bound as "${name}"; it has ${names}`);
  }
  const buffers = new Map<string, GPUBuffer>();
  for (const [name, tensor] of plan.bound) {
    const binding = given[name];
    if (binding) buffers.set(name, checkedBuffer(name, tensor, binding));
    else if (tensor.kind === "state") buffers.set(name, states.get(name, tensor));
    else throw new ArgumentError(`${describe(name, tensor)} is missing: give it as bindings: { ${name}: buffer }`);
  }
  checkAliases(plan, buffers);
  return buffers;
}

function describe(name: string, { kind, value }: BoundTensor): string {
  const what = kind === "state" ? "state" : `bound ${kind}`;
  return `${what} "${name}" ${formatShape(value.shape)} ${value.dtype}, of ${bufferBytes(value)} bytes,`;
}

const USAGES = ["STORAGE", "COPY_SRC", "COPY_DST"] as const;

function checkedBuffer(name: string, tensor: BoundTensor, binding: GPUBuffer | Tensor): GPUBuffer {
  const isTensor = "buffer" in binding;
  if (isTensor && binding.dtype !== tensor.value.dtype) {
    throw new ArgumentError(`${describe(name, tensor)} got a tensor of ${binding.dtype}`);
  }
  const buffer = isTensor ? binding.buffer : binding;
  if (buffer.size < bufferBytes(tensor.value)) {
    throw new ArgumentError(`${describe(name, tensor)} got a buffer of ${buffer.size} bytes`);
  }
  const missing = USAGES.filter((usage) => tensor.usage & USAGE[usage] && !(buffer.usage & USAGE[usage]));
  if (missing.length > 0) {
    throw new ArgumentError(
      `${describe(name, tensor)} got a buffer of ${buffer.size} bytes without ${missing.join(", ")}`,
    );
  }
  return buffer;
}

/** What a run writes has a buffer of its own: others would find it changed. */
function checkAliases(plan: Plan, buffers: BoundBuffers): void {
  for (const [name, { isWritten }] of plan.bound) {
    if (!isWritten) continue;
    const buffer = buffers.get(name);
    for (const [other, otherBuffer] of buffers) {
      if (other === name || otherBuffer !== buffer) continue;
      throw new ArgumentError(`"${name}", which the run writes, and "${other}" have one buffer: give each its own`);
    }
  }
}

/** Bind groups by the buffers in them: a level for each name, so that no group outlives one of its buffers. */
class Level {
  readonly #levels = new WeakMap<GPUBuffer, Level>();
  group: GPUBindGroup | undefined;

  next(buffer: GPUBuffer): Level {
    let level = this.#levels.get(buffer);
    if (!level) {
      level = new Level();
      this.#levels.set(buffer, level);
    }
    return level;
  }
}

/** What is bound for a tensor at a place. */
export type ResourceAt = (place: Place, bound: BoundBuffers) => GPUBufferBinding;

/** The bind groups of one step. */
export class StepBindGroups {
  readonly #device: Device;
  readonly #step: Step;
  readonly #resourceAt: ResourceAt;
  readonly #params: GPUBufferBinding;
  /** What it has bound. */
  readonly #names: readonly string[];
  readonly #groups = new Level();

  constructor(device: Device, step: Step, resourceAt: ResourceAt, params: Omit<GPUBufferBinding, "size">) {
    this.#device = device;
    this.#step = step;
    this.#resourceAt = resourceAt;
    this.#params = { ...params, size: paramBytes(step.kernel) };
    const places = [...step.inputs, ...step.outputs];
    this.#names = [...new Set(places.flatMap((place) => (place && "bound" in place ? [place.bound] : [])))];
    if (this.#names.length === 0) this.#groups.group = this.#make(new Map());
  }

  /** The group for a run's buffers. */
  get(bound: BoundBuffers): GPUBindGroup {
    let level = this.#groups;
    for (const name of this.#names) level = level.next(bound.get(name) as GPUBuffer);
    level.group ??= this.#make(bound);
    return level.group;
  }

  #make(bound: BoundBuffers): GPUBindGroup {
    const { kernel, inputs, outputs } = this.#step;
    const tensors = [...inputs, ...outputs].map((place) => {
      return place ? this.#resourceAt(place, bound) : { buffer: this.#device.zero };
    });
    return this.#device.gpu.createBindGroup({
      label: kernel.name,
      layout: this.#device.pipelines.layout(bindingCounts(kernel)),
      entries: [...tensors, this.#params].map((resource, binding) => ({ binding, resource })),
    });
  }
}
