// The static tensors of a model on one device: weights streamed from the checkpoint in one pass, and what plans make of
// them (packed, joined, resized). Plans share them by key. The JavaScript heap never holds more than one piece of a
// file.
import type { Device } from "../device/device.ts";
import { CheckpointError, DisposedError, InvalidFileError } from "../device/errors.ts";
import { BYTES, formatShape, sameShape, sizeOf, type Tensor } from "../device/tensor.ts";
import type { CastParams } from "../kernels/cast.ts";
import { dispatch, dispatchAll } from "../kernels/dispatch.ts";
import type { Value } from "./graph.ts";
import { staticBytes, staticKey, weightAdvice, weightsOf } from "./statics.ts";

/** A checkpoint as the store needs it; src/io/safetensors.ts reads such. */
export interface WeightSource {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, StoredWeight>;
}

export interface StoredWeight {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Little-endian bytes in order, in chunks of any length. */
  stream(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

// Bytes handed to the GPU at a time, and bytes after which we wait for it: both bound the memory of an upload.
const PIECE = 8 << 20;
const UNTIL_WAIT = 64 << 20;

/** Static tensors of a model on one device: its weights, and what plans make of them. */
export class WeightStore {
  readonly #device: Device;
  readonly #source: WeightSource;
  readonly #kept = new Map<string, Tensor>();
  #loading: Promise<unknown> = Promise.resolve();
  #isDisposed = false;

  constructor(device: Device, source: WeightSource) {
    this.#device = device;
    this.#source = source;
  }

  /** Makes the static values that are not there yet. On an error or abort, what this call made is freed. */
  load(values: Iterable<Value>, signal?: AbortSignal): Promise<void> {
    const loading = this.#loading.then(() => this.#load([...values], signal));
    this.#loading = loading.catch(() => {});
    return loading;
  }

  /** A loaded tensor. */
  get(key: string): Tensor {
    const tensor = this.#kept.get(key);
    if (!tensor) throw new DisposedError(`the static tensor ${key} is not loaded`);
    return tensor;
  }

  /** GPU bytes held. */
  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, { buffer }) => sum + buffer.size, 0);
  }

  /** Frees them all. */
  dispose(): void {
    this.#isDisposed = true;
    for (const { buffer } of this.#kept.values()) this.#device.free(buffer);
    this.#kept.clear();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #load(values: readonly Value[], signal?: AbortSignal): Promise<void> {
    this.#check();
    const missing = new Map(values.map((value) => [staticKey(value), value]));
    for (const key of this.#kept.keys()) missing.delete(key);
    const bytes = [...missing.values()].reduce((sum, value) => sum + staticBytes(value), 0);
    this.#device.checkBudget(bytes, "the weights");
    const loading = new Loading(this.#device, this.#source.name, missing);
    try {
      await loading.evaluate();
      for (const stored of this.#source.tensors.values()) {
        signal?.throwIfAborted();
        await loading.take(stored, signal);
      }
      this.#check();
      for (const [key, tensor] of loading.finish()) this.#kept.set(key, tensor);
    } catch (error) {
      loading.dispose();
      throw error;
    }
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("this model was disposed; load it again with fromPretrained");
  }
}

/** One pass over the checkpoint: leaves are filled as they come by, and freed when all that reads them is made. */
class Loading {
  readonly #device: Device;
  readonly #file: string;
  readonly #pending: Map<string, Value>;
  readonly #leaves = new Map<string, Value>();
  /** What is on the GPU: leaves read, parts and results. */
  readonly #tensors = new Map<string, Tensor>();
  readonly #results = new Map<string, Tensor>();
  #sinceWait = 0;

  constructor(device: Device, file: string, missing: Map<string, Value>) {
    this.#device = device;
    this.#file = file;
    this.#pending = missing;
    for (const value of missing.values()) for (const leaf of weightsOf(value)) this.#leaves.set(staticKey(leaf), leaf);
  }

  /** Reads a tensor of the checkpoint into every leaf that wants it, and makes what is now complete. */
  async take(stored: StoredWeight, signal?: AbortSignal): Promise<void> {
    const leaves = [...this.#leaves].filter(([, { node }]) => node.kind === "weight" && node.name === stored.name);
    if (leaves.length === 0) return;
    const fills: Fill[] = [];
    for (const [key, leaf] of leaves) {
      checkStored(this.#file, stored, leaf);
      const tensor = await this.#allocate(key, leaf, stored.name);
      fills.push(new Fill(this.#device, stored, leaf, tensor));
    }
    let position = 0;
    for await (const piece of inPieces(stored.stream(signal), stored.byteLength)) {
      signal?.throwIfAborted();
      for (const fill of fills) await fill.write(piece, position);
      position += piece.length;
      this.#sinceWait += piece.length;
      if (this.#sinceWait >= UNTIL_WAIT) await this.#wait();
    }
    if (position !== stored.byteLength) {
      throw new InvalidFileError(
        `${this.#file}: tensor "${stored.name}" ended after ${position} of its ${stored.byteLength} bytes`,
      );
    }
    await this.evaluate();
  }

  /** Makes every result whose weights are all there. */
  async evaluate(): Promise<void> {
    // What a result is made of serves the next one too: the levels and the scale of int8 are made of one packed weight.
    const parts = new Map<string, Tensor>();
    try {
      for (const [key, value] of [...this.#pending]) {
        if (!weightsOf(value).every((leaf) => this.#has(leaf))) continue;
        this.#results.set(key, await this.#make(value, parts));
        parts.delete(key);
        if (value.node.kind === "weight") this.#tensors.delete(key);
        this.#pending.delete(key);
        this.#freeLeaves();
      }
    } finally {
      for (const { buffer } of parts.values()) this.#device.free(buffer);
    }
  }

  /** The results; throws when the checkpoint lacked something. */
  finish(): Map<string, Tensor> {
    const missing = [...this.#pending.values()].flatMap(weightsOf).find((leaf) => !this.#has(leaf));
    if (missing?.node.kind === "weight") {
      throw new CheckpointError(`${this.#file} has no tensor "${missing.node.name}"`);
    }
    return this.#results;
  }

  dispose(): void {
    for (const { buffer } of [...this.#tensors.values(), ...this.#results.values()]) this.#device.free(buffer);
  }

  #has(leaf: Value): boolean {
    const key = staticKey(leaf);
    return this.#tensors.has(key) || this.#results.has(key);
  }

  async #make(value: Value, parts: Map<string, Tensor>): Promise<Tensor> {
    const key = staticKey(value);
    const loaded = this.#tensors.get(key) ?? this.#results.get(key) ?? parts.get(key);
    if (loaded) return loaded;
    const { node } = value;
    if (node.kind === "view") return { ...(await this.#make(node.of, parts)), shape: value.shape };
    if (node.kind === "constant") {
      await owned(this.#device, () => parts.set(key, this.#device.upload(value, node.data, "constant")));
    } else await this.#dispatch(node.kind === "result" ? node.of : value, parts);
    const tensor = parts.get(key);
    if (!tensor) throw new TypeError(`${key} is not loaded`);
    return tensor;
  }

  /** Makes all results of an op. */
  async #dispatch(first: Value, parts: Map<string, Tensor>): Promise<void> {
    const { node, graph } = first;
    if (node.kind !== "op") return;
    const tensors = await dispatchAll(this.#device, node.kernel, await this.#inputs(node.inputs, parts), node.params);
    for (const [i, value] of graph.resultsOf(first).entries()) parts.set(staticKey(value), tensors[i] as Tensor);
  }

  async #inputs(inputs: Readonly<Record<string, Value | undefined>>, parts: Map<string, Tensor>) {
    const tensors: Record<string, Tensor | undefined> = {};
    for (const [name, input] of Object.entries(inputs)) tensors[name] = input && (await this.#make(input, parts));
    return tensors;
  }

  #freeLeaves(): void {
    const needed = new Set([...this.#pending.values()].flatMap(weightsOf).map(staticKey));
    for (const [key, { buffer }] of this.#tensors) {
      if (needed.has(key)) continue;
      this.#tensors.delete(key);
      this.#device.free(buffer);
    }
  }

  async #allocate(key: string, leaf: Value, name: string): Promise<Tensor> {
    this.#device.checkSize(leaf, name, weightAdvice(this.#device, leaf));
    const what = `${name} ${formatShape(leaf.shape)}`;
    const create = () => {
      const tensor = this.#device.createTensor(leaf, name);
      this.#tensors.set(key, tensor);
      return tensor;
    };
    return owned(this.#device, create, what);
  }

  async #wait(): Promise<void> {
    this.#sinceWait = 0;
    await this.#device.done();
    this.#device.check();
  }
}

/** What work on the GPU gives; throws what WebGPU reports of it. */
async function owned<T>(device: Device, work: () => T, what?: string): Promise<T> {
  const { value, problem } = device.own(work, what);
  const failure = await problem;
  if (failure) throw failure;
  return value;
}

/** Throws unless a stored tensor is what the graph was built for. */
function checkStored(file: string, { name, dtype, shape }: StoredWeight, { node, shape: expected }: Value): void {
  const fail = (why: string): never => {
    throw new CheckpointError(`${file}: tensor "${name}" has shape ${formatShape(shape)}${why}`);
  };
  if (!["F32", "F16", "BF16"].includes(dtype)) fail(` of ${dtype}: weights must be F32, F16 or BF16`);
  const rows = node.kind === "weight" ? node.rows : undefined;
  const [all = 0, ...rest] = shape;
  if (rows && rows[1] > all) fail(`, which has no rows ${rows[0]} to ${rows[1]}`);
  const taken = rows ? [rows[1] - rows[0], ...rest] : shape;
  if (!sameShape(taken, expected)) fail(`, expected ${formatShape(expected)}`);
}

/** Writes the part of a stored tensor that a leaf wants (all of it, or some rows), cast to the leaf's type. */
class Fill {
  readonly #device: Device;
  readonly #stored: StoredWeight;
  readonly #tensor: Tensor;
  readonly #start: number;
  readonly #end: number;
  readonly #width: number;

  constructor(device: Device, stored: StoredWeight, leaf: Value, tensor: Tensor) {
    this.#device = device;
    this.#stored = stored;
    this.#tensor = tensor;
    const elements = sizeOf(stored.shape);
    this.#width = elements ? stored.byteLength / elements : 0;
    const rows = leaf.node.kind === "weight" ? leaf.node.rows : undefined;
    const rowBytes = stored.byteLength / Math.max(1, stored.shape[0] ?? 1);
    [this.#start, this.#end] = rows ? [rows[0] * rowBytes, rows[1] * rowBytes] : [0, stored.byteLength];
  }

  /** `piece` holds the stored bytes from `position` on. */
  async write(piece: Uint8Array, position: number): Promise<void> {
    const from = Math.max(this.#start, position);
    const to = Math.min(this.#end, position + piece.length);
    if (from >= to) return;
    const bytes = piece.subarray(from - position, to - position);
    const element = (from - this.#start) / this.#width;
    const { dtype } = this.#stored;
    if (dtype === "F32" && this.#tensor.dtype === "f32") {
      await owned(this.#device, () => this.#device.writeBuffer(this.#tensor.buffer, element * 4, bytes));
    } else await this.#cast(bytes, element);
  }

  async #cast(bytes: Uint8Array, element: number): Promise<void> {
    const device = this.#device;
    const { dtype, name } = this.#stored;
    const count = bytes.length / this.#width;
    const words = { dtype: "u32", shape: [Math.ceil(bytes.length / 4)] } as const;
    const held: Tensor[] = [];
    const hold = (tensor: Tensor) => {
      held.push(tensor);
      return tensor;
    };
    try {
      const fill = () => {
        const tensor = hold(device.createTensor(words, name));
        device.writeBuffer(tensor.buffer, 0, bytes);
        return tensor;
      };
      const raw = await owned(device, fill, name);
      const { cast } = await import("../kernels/cast.ts"); // most checkpoints are stored as they are wanted
      const params = { from: dtype, to: this.#tensor.dtype, shape: [count] } as CastParams;
      const converted = hold(await dispatch(device, cast, { x: raw }, params));
      const width = BYTES[this.#tensor.dtype];
      // Whole words: the odd half at the end of a tensor lies in the buffer's padding.
      const size = Math.ceil((count * width) / 4) * 4;
      await owned(device, () => {
        const encoder = device.gpu.createCommandEncoder();
        encoder.copyBufferToBuffer(converted.buffer, 0, this.#tensor.buffer, element * width, size);
        device.gpu.queue.submit([encoder.finish()]);
      });
    } finally {
      for (const { buffer } of held) device.free(buffer);
    }
  }
}

/** The same bytes in pieces of exactly PIECE bytes, but for the last: whole elements, at aligned places. */
async function* inPieces(chunks: AsyncIterable<Uint8Array>, byteLength: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(Math.min(PIECE, byteLength) || 1);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === piece.length) {
        yield piece;
        filled = 0;
      }
    }
  }
  if (filled) yield piece.subarray(0, filled);
}
