// Runs a plan. Everything is made before (preparedPlan.ts): a run is only setPipeline, setBindGroup and dispatch in one
// command encoder, and one copy of the results to the host.
import type { Device } from "../device/device.ts";
import { ArgumentError, DisposedError } from "../device/errors.ts";
import { byteLength, formatShape, type HostArray, type NdArray, type Spec } from "../device/tensor.ts";
import { type Bindings, type BoundBuffers, boundBuffers, StateBuffers } from "./bindings.ts";
import { firstNonFinite } from "./finite.ts";
import type { Place } from "./placement.ts";
import type { Plan, PlannedTensor } from "./plan.ts";
import { encodeDispatch, type PreparedPlan, prepare } from "./preparedPlan.ts";
import type { Profile } from "./profile.ts";
import { Readback, toHost } from "./readback.ts";
import { SlotPool } from "./slotPool.ts";
import type { WeightStore } from "./store.ts";
import { checkLengths } from "./uniforms.ts";

/** What a run is given beside its inputs. */
export interface RunBindings {
  /**
   * The caller's buffers, by the names of bound inputs, bound outputs and states. A state that is not bound is the
   * executor's own.
   */
  readonly bindings?: Bindings;
  /** The lengths of `graph.length`, by their names. */
  readonly lengths?: Readonly<Record<string, number>>;
}

/** Options of `Executor.run`. */
export interface RunOptions extends RunBindings {
  /** Records work that makes further inputs into the same submit, before the plan. */
  readonly before?: (encoder: GPUCommandEncoder) => void;
}

/** Arrays for inputs, by name; f16 are bits in a Uint16Array. */
export type HostInputs = Readonly<Record<string, HostArray>>;

/** Options of `Executor.create`. */
export interface ExecutorOptions {
  /** Plans of one pool share their slots: they must not run in one submit. A pool of its own when absent. */
  readonly pool?: SlotPool | undefined;
  /**
   * Gives the error for an output that holds NaN or infinity where it is read back, and is told what the run was given.
   * Without it such outputs are given as they are.
   */
  readonly nonFinite?: ((output: string, inputs: HostInputs) => Promise<Error>) | undefined;
}

/** Options of `Executor.encode`. */
export interface EncodeOptions extends RunBindings {
  /** Of the plan's pass. */
  readonly timestampWrites?: GPUComputePassTimestampWrites | undefined;
}

/** A plan made ready on a device: run it as often as wanted. */
export class Executor {
  /** What it runs. */
  readonly plan: Plan;
  readonly #device: Device;
  readonly #prepared: PreparedPlan;
  readonly #states: StateBuffers;
  /**
   * The way of its outputs to the host.
   *
   * @internal
   */
  readonly readback: Readback;
  /**
   * The buffers of inputs and outputs of the latest run, also of those that are bound: to be read before anything else
   * is submitted.
   *
   * @internal
   */
  latestBuffer: ((name: string) => GPUBuffer) | undefined;
  readonly #nonFinite: ExecutorOptions["nonFinite"];
  #isDisposed = false;

  private constructor(device: Device, plan: Plan, prepared: PreparedPlan, nonFinite: ExecutorOptions["nonFinite"]) {
    this.#device = device;
    this.plan = plan;
    this.#prepared = prepared;
    this.#states = new StateBuffers(device);
    this.readback = new Readback(device, plan);
    this.#nonFinite = nonFinite;
  }

  /**
   * Compiles and allocates; the plan's static values must be in the store. Nothing stays allocated when it throws.
   */
  static async create(
    device: Device,
    plan: Plan,
    store: WeightStore,
    { pool = new SlotPool(device), nonFinite }: ExecutorOptions = {},
  ): Promise<Executor> {
    return new Executor(device, plan, await prepare(device, plan, store, pool), nonFinite);
  }

  /**
   * Overwrites an input (f16 as bits in a Uint16Array, any type as bytes), from byte `offset` on, for the next run
   * submitted. A run may leave other things in the inputs' buffers: write them again before each.
   */
  write(name: string, data: HostArray, offset = 0): void {
    this.#check();
    const { value, place } = find(this.plan.inputs, "input", name);
    checkType(name, value, data);
    if (offset + data.byteLength > byteLength(value)) throw wrongLength(name, value, data, offset);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#device.writeBuffer(this.#ownBuffer(name, place), offset, bytes);
  }

  /** The GPU buffer of an input or output that is not bound, to copy from one plan to another within one submit. */
  buffer(name: string): GPUBuffer {
    this.#check();
    return this.#ownBuffer(name, this.#tensor(name).place);
  }

  /** Bytes of an input's or output's elements; its buffer may be larger. */
  bytes(name: string): number {
    return byteLength(this.#tensor(name).value);
  }

  /** The executor's own buffer of a state, which runs use that bind no other: zeros until one writes it. */
  state(name: string): GPUBuffer {
    this.#check();
    const state = this.plan.bound.get(name);
    if (state?.kind !== "state") throw new ArgumentError(`the plan has no state "${name}"`);
    return this.#states.get(name, state);
  }

  /** Makes zeros of the executor's own buffer of a state, or of all states', for the next run submitted. */
  resetState(name?: string): void {
    this.#check();
    if (name !== undefined) this.state(name);
    this.#states.reset(name);
  }

  /**
   * Records the whole plan into an encoder as one pass, and copies into states. Lengths are written at once: submit
   * before the executor is encoded or run with other lengths, or this work finds those.
   */
  encode(encoder: GPUCommandEncoder, options: EncodeOptions = {}): void {
    this.#check();
    this.#encode(encoder, this.#bind(options), options.timestampWrites);
  }

  /**
   * Writes the inputs, runs, and gives the outputs back, but for those that are bound. Runs may overlap: each has its
   * own readback and lengths, and the queue keeps their order.
   */
  async run(inputs: HostInputs = {}, options: RunOptions = {}): Promise<Record<string, NdArray>> {
    const bytes = await this.runBytes(inputs, options);
    const arrays = Object.entries(bytes).map(([name, part]) => [
      name,
      toHost(find(this.plan.outputs, "output", name), part),
    ]);
    return Object.fromEntries(arrays);
  }

  /** As `run`, with the bytes of the elements: whole for words of bits, which floats would not hold. */
  async runBytes(inputs: HostInputs, options: RunOptions = {}): Promise<Record<string, ArrayBuffer>> {
    this.#check();
    for (const [name, data] of Object.entries(inputs)) {
      const { value } = find(this.plan.inputs, "input", name);
      if (data.byteLength !== byteLength(value)) throw wrongLength(name, value, data);
      this.write(name, data);
    }
    const encoder = this.#device.gpu.createCommandEncoder();
    options.before?.(encoder);
    const bound = this.#bind(options);
    this.#encode(encoder, bound);
    const outputs = await this.readback.submit(encoder, (place) => this.#prepared.bufferAt(place, bound));
    const bad = this.#nonFinite && Object.keys(outputs).find((name) => !this.#isFinite(name, outputs));
    if (this.#nonFinite && bad !== undefined) throw await this.#nonFinite(bad, inputs);
    return outputs;
  }

  /** Runs with whatever is in the inputs and times each step by itself; states change as in many runs. */
  async profile(options: RunBindings = {}): Promise<Profile> {
    this.#check();
    const bound = this.#bind(options);
    const works = this.#prepared.dispatches.map((dispatch) => (pass: GPUComputePassEncoder) => {
      encodeDispatch(pass, dispatch, bound);
    });
    return (await import("./profile.ts")).profile(this.#device, this.plan, works);
  }

  /** Whether its buffers are freed. */
  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Frees the plan's buffers, its own states among them; the weights belong to the store. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#prepared.free();
    this.#states.free();
    this.readback.free();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #isFinite(name: string, outputs: Readonly<Record<string, ArrayBuffer>>): boolean {
    const { dtype } = this.#tensor(name).value;
    return firstNonFinite(dtype, outputs[name] as ArrayBuffer) < 0;
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("this plan was disposed");
    this.#device.check();
  }

  /** The buffers of a run; its lengths go to the queue. */
  #bind({ bindings = {}, lengths = {} }: RunBindings): BoundBuffers {
    const checked = checkLengths(this.plan, lengths);
    const bound = boundBuffers(this.plan, bindings, this.#states);
    this.#prepared.uniforms.writeLengths(checked);
    return bound;
  }

  #encode(encoder: GPUCommandEncoder, bound: BoundBuffers, timestampWrites?: GPUComputePassTimestampWrites): void {
    this.latestBuffer = (name) => this.#prepared.bufferAt(this.#tensor(name).place, bound);
    const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
    for (const dispatch of this.#prepared.dispatches) encodeDispatch(pass, dispatch, bound);
    pass.end();
    for (const { from, to, bytes } of this.plan.copies) {
      const state = bound.get(to) as GPUBuffer;
      if (bytes) encoder.copyBufferToBuffer(this.#prepared.bufferAt(from, bound), 0, state, 0, bytes);
    }
  }

  #tensor(name: string): PlannedTensor {
    const tensor = this.plan.inputs.get(name) ?? this.plan.outputs.get(name);
    if (!tensor) throw new ArgumentError(`the plan has no input or output "${name}"`);
    return tensor;
  }

  #ownBuffer(name: string, place: Place): GPUBuffer {
    if (!("bound" in place)) return this.#prepared.bufferAt(place, new Map());
    throw new ArgumentError(`"${name}" is in a buffer that each run binds as "${place.bound}": use that one`);
  }
}

const ARRAY = {
  f32: "Float32Array",
  f16: "Uint16Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  i8: "Int8Array",
} as const;

function checkType(name: string, { dtype }: Spec, data: HostArray): void {
  const type = Object.prototype.toString.call(data).slice(8, -1); // by name: arrays may come from another realm
  if (type === ARRAY[dtype] || type === "Uint8Array") return;
  throw new ArgumentError(`input "${name}" is ${dtype} and takes a ${ARRAY[dtype]}, got ${type}`);
}

function wrongLength(name: string, value: Spec, data: HostArray, offset = 0): ArgumentError {
  const at = offset ? ` at byte ${offset}` : "";
  return new ArgumentError(
    `input "${name}" ${formatShape(value.shape)} ${value.dtype} takes ${byteLength(value)} bytes, ` +
      `got ${data.byteLength}${at}`,
  );
}

function find(tensors: ReadonlyMap<string, PlannedTensor>, kind: string, name: string): PlannedTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new ArgumentError(`the plan has no ${kind} "${name}"; it has ${[...tensors.keys()].join(", ")}`);
  return tensor;
}
