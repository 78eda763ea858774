// Labels from frame to frame on the GPU: what propagateMask does for features that stayed there. Features and labels of
// known frames lie in two buffers, a row of each for every frame. Loaded where it is asked for.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import type { GpuTensor } from "../device/gpuTensor.ts";
import { BYTES, bufferBytes, sizeOf, type Tensor } from "../device/tensor.ts";
import { cast } from "../kernels/cast.ts";
import { dispatch, dispatchAll } from "../kernels/dispatch.ts";
import { l2Normalize } from "../kernels/l2Normalize.ts";
import { localSimilarity } from "../kernels/localSimilarity.ts";
import { mixLabels } from "../kernels/mixLabels.ts";
import { topK } from "../kernels/topK.ts";
import type { LabelSource, Settings } from "./labelSource.ts";

/** Bytes of the similarities that are there at once. */
const MOST_BYTES = 64 << 20;

export class LabelPropagation implements LabelSource<GpuTensor> {
  readonly #device: Device;
  readonly #grid: readonly [number, number];
  readonly #labels: number;
  readonly #settings: Settings;
  /** Of unit length [frames, N, C], and shares [frames, N, labels]: the first frame, then the last ones in turn. */
  readonly #features: Tensor;
  readonly #shares: Tensor;
  readonly #mostBytes: number;
  #tracked = 0;

  constructor(
    first: GpuTensor,
    grid: readonly [number, number],
    labels: number,
    settings: Settings,
    mostBytes = MOST_BYTES,
  ) {
    this.#mostBytes = mostBytes;
    this.#device = first.device;
    this.#grid = grid;
    this.#labels = labels;
    this.#settings = settings;
    const [, N = 0, C = 0] = first.shape;
    const frames = 1 + settings.lastFrames;
    // Rows are copied in whole words.
    const dtype = (N * C) % 2 === 0 ? first.dtype : "f32";
    this.#features = this.#room({ dtype, shape: [frames, N, C] }, "features of known frames");
    try {
      this.#shares = this.#room({ dtype: "f32", shape: [frames, N, labels] }, "labels of known frames");
    } catch (error) {
      this.#device.free(this.#features.buffer);
      throw error;
    }
  }

  /** Keeps the first frame and its labels [labels, N]. */
  async begin(patches: GpuTensor, labels: Float32Array): Promise<void> {
    const unit = await this.#unit(patches);
    this.#keep(unit, this.#features, 0);
    this.#device.free(unit.buffer);
    const N = labels.length / this.#labels;
    const byPlace = labels.map((_, i) => labels[(i % this.#labels) * N + Math.floor(i / this.#labels)] as number);
    this.#device.gpu.queue.writeBuffer(this.#shares.buffer, 0, byPlace);
  }

  /** Labels [labels, N] of the next frame, which is one of the known ones from then on. */
  async next(patches: GpuTensor): Promise<Float32Array> {
    const device = this.#device;
    const temporary: Tensor[] = [];
    try {
      const unit = await this.#unit(patches);
      temporary.push(unit);
      const shares = await this.#mixed(unit);
      temporary.push(shares);
      const bytes = device.read(shares); // queued before what follows
      this.#remember(unit, shares);
      const byPlace = new Float32Array(await bytes);
      if (byPlace.some(Number.isNaN)) {
        throw new ArgumentError("[propagateMask] features hold NaN, expected finite numbers");
      }
      const N = byPlace.length / this.#labels;
      return byPlace.map((_, i) => byPlace[(i % N) * this.#labels + Math.floor(i / N)] as number);
    } finally {
      for (const { buffer } of temporary) device.free(buffer);
    }
  }

  dispose(): void {
    for (const { buffer } of [this.#features, this.#shares]) this.#device.free(buffer);
  }

  /** Patches [1, N, C] as rows of unit length [N, C]. */
  async #unit({ buffer, dtype, shape: [, N = 0, C = 0] }: GpuTensor): Promise<Tensor> {
    const x: Tensor = { buffer, dtype, shape: [N, C] };
    if (dtype === this.#features.dtype) return dispatch(this.#device, l2Normalize, { x });
    const wide = await dispatch(this.#device, cast, { x }, { to: "f32" });
    try {
      return await dispatch(this.#device, l2Normalize, { x: wide });
    } finally {
      this.#device.free(wide.buffer);
    }
  }

  /** Shares of labels [N, labels] of a frame, a part of its places after another. */
  async #mixed(unit: Tensor): Promise<Tensor> {
    const device = this.#device;
    const [N = 0] = unit.shape;
    const { neighbourhood, topk, temperature } = this.#settings;
    const reach = neighbourhood || Math.max(...this.#grid);
    const near = this.#grid.reduce((product, side) => product * (2 * Math.min(reach, side - 1) + 1), 1);
    const frames = 1 + Math.min(this.#tracked, this.#settings.lastFrames);
    const known = (all: Tensor): Tensor => ({ ...all, shape: [frames, ...all.shape.slice(1)] });
    const [height, width] = this.#grid;
    const part = Math.max(1, Math.min(height, Math.floor(this.#mostBytes / (4 * near * frames * width))));
    const whole = device.createTensor({ dtype: "f32", shape: [N, this.#labels] }, "labels of a frame");
    try {
      for (let first = 0; first < height; first += part) {
        const rows = Math.min(part, height - first);
        const grid = this.#grid;
        const temporary: Tensor[] = [];
        try {
          const inputs = { a: unit, b: known(this.#features) };
          const similarities = await dispatch(device, localSimilarity, inputs, { grid, reach, first, rows });
          temporary.push(similarities);
          const x: Tensor = { ...similarities, shape: [rows * width, near * frames] };
          temporary.push(...(await dispatchAll(device, topK, { x }, { k: Math.min(topk, near * frames) })));
          const largest = temporary[1] as Tensor;
          const labels = known(this.#shares);
          const params = { grid, first: first * width, temperature };
          const mixed = await dispatch(device, mixLabels, { similarities, largest, labels }, params);
          temporary.push(mixed);
          this.#copy(mixed, whole, first * width * this.#labels);
        } finally {
          for (const { buffer } of temporary) device.free(buffer);
        }
      }
      return whole;
    } catch (error) {
      device.free(whole.buffer);
      throw error;
    }
  }

  #remember(unit: Tensor, shares: Tensor): void {
    const { lastFrames } = this.#settings;
    if (lastFrames === 0) return;
    const at = 1 + (this.#tracked++ % lastFrames);
    this.#keep(unit, this.#features, at);
    this.#keep(shares, this.#shares, at);
  }

  /** Copies a frame's rows to its place among those of all frames. */
  #keep(rows: Tensor, all: Tensor, frame: number): void {
    this.#copy(rows, all, frame * sizeOf(rows.shape));
  }

  #copy(from: Tensor, to: Tensor, first: number): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    const bytes = BYTES[from.dtype];
    encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, first * bytes, sizeOf(from.shape) * bytes);
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  #room(spec: Omit<Tensor, "buffer">, label: string): Tensor {
    this.#device.checkSize(spec, label, "take fewer lastFrames, or a smaller size");
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    return { ...spec, buffer: this.#device.createBuffer(bufferBytes(spec), usage, label) };
  }
}
