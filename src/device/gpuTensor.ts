// A result that stays on the GPU, in memory of its own. Pages load it where such results are asked for.
import type { Device } from "./device.ts";
import { DisposedError } from "./errors.ts";
import type { NdArray, Shape, Spec, Tensor } from "./tensor.ts";

/** Numbers of half-precision bits: half.ts, given by who has it. */
export type FromHalves = (bits: Uint16Array) => Float32Array;

/**
 * A tensor on the GPU that belongs to the caller: dispose of it. `buffer` holds its elements row by row and without
 * gaps, as `dtype` says, and may be bound as storage by the caller's own shaders on the model's device, which
 * `(await model.device()).gpu` gives; or copied from.
 *
 * @example
 * using embedding = await clip.encodeImage("cat.jpg", { keepOnGpu: true });     // GpuTensor, f32 [1, 512]
 * const { data } = await embedding.read();
 */
export class GpuTensor implements Tensor {
  readonly dtype: "f32" | "f16";
  readonly shape: Shape;
  readonly buffer: GPUBuffer;
  /** @internal The device that it is on. */
  readonly device: Device;
  readonly #fromHalves: FromHalves;
  #isDisposed = false;

  /** @internal Models make these. */
  constructor(
    device: Device,
    { dtype, shape }: Spec & { readonly dtype: "f32" | "f16" },
    label: string,
    fromHalves: FromHalves,
  ) {
    this.device = device;
    this.#fromHalves = fromHalves;
    this.dtype = dtype;
    this.shape = shape;
    this.buffer = device.createTensor(this, label).buffer;
  }

  /** Copies the elements to the host, f16 as 32-bit floats. Throws DisposedError after dispose. */
  async read(): Promise<NdArray> {
    if (this.#isDisposed) throw new DisposedError("this tensor was disposed");
    const bytes = await this.device.read(this);
    const data = this.dtype === "f16" ? this.#fromHalves(new Uint16Array(bytes)) : new Float32Array(bytes);
    return { data, shape: this.shape };
  }

  /** Frees the memory. */
  dispose(): void {
    this.#isDisposed = true;
    this.device.free(this.buffer);
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
