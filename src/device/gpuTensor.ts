// A result that stays on the GPU, in memory of its own.
import { type Device, USAGE } from "./device.ts";
import { DisposedError } from "./errors.ts";
import { fromHalfArray } from "./half.ts";
import { bufferBytes, byteLength, type NdArray, type Shape, type Spec, type Tensor } from "./tensor.ts";

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
  readonly #device: Device;
  #isDisposed = false;

  /** @internal Models make these. */
  constructor(device: Device, { dtype, shape }: Spec & { readonly dtype: "f32" | "f16" }, label: string) {
    this.#device = device;
    this.dtype = dtype;
    this.shape = shape;
    device.checkSize(this, label);
    this.buffer = device.createBuffer(bufferBytes(this), USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, label);
  }

  /** Copies the elements to the host, f16 as 32-bit floats. Throws DisposedError after dispose. */
  async read(): Promise<NdArray> {
    if (this.#isDisposed) throw new DisposedError("this tensor was disposed");
    const bytes = await this.#device.read(this);
    const data = this.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
    return { data, shape: this.shape };
  }

  /** Frees the memory. */
  dispose(): void {
    this.#isDisposed = true;
    this.#device.free(this.buffer);
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Bytes of the elements. */
  get byteLength(): number {
    return byteLength(this);
  }
}
