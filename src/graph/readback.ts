// The way of a run's outputs back to the host: one buffer for all of them, and several such buffers where runs overlap.
import { type Device, USAGE } from "../device/device.ts";
import { fromHalfArray } from "../device/half.ts";
import { byteLength, type DType, type NdArray } from "../device/tensor.ts";
import type { Place } from "./placement.ts";
import type { Plan, PlannedTensor } from "./plan.ts";

/** An output and where its bytes lie in a readback buffer. */
interface Part extends PlannedTensor {
  readonly name: string;
  readonly offset: number;
  /** Whole words. */
  readonly size: number;
}

/** Copies the outputs of a plan to the host, but for those that the caller has in buffers of its own. */
export class Readback {
  readonly #device: Device;
  readonly #parts: readonly Part[];
  readonly #bytes: number;
  /** Buffers that no run is using. */
  readonly #idle: GPUBuffer[] = [];
  #isDisposed = false;

  constructor(device: Device, { outputs, bound }: Plan) {
    this.#device = device;
    let offset = 0;
    this.#parts = [...outputs].flatMap(([name, { value, place }]) => {
      if (bound.get(name)?.kind === "output") return [];
      const size = Math.ceil(byteLength(value) / 4) * 4;
      const part = { name, value, place, offset, size };
      offset += Math.max(8, Math.ceil(size / 8) * 8);
      return [part];
    });
    this.#bytes = offset;
  }

  /** Records the copies of the outputs, submits, and gives their bytes when they are there. */
  async submit(
    encoder: GPUCommandEncoder,
    bufferAt: (place: Place) => GPUBuffer,
  ): Promise<Record<string, ArrayBuffer>> {
    const { queue } = this.#device.gpu;
    if (this.#bytes === 0) {
      queue.submit([encoder.finish()]);
      await this.#done();
      return {};
    }
    const staging = this.#idle.pop() ?? this.#make();
    try {
      for (const { place, offset, size } of this.#parts) {
        if (size) encoder.copyBufferToBuffer(bufferAt(place), 0, staging, offset, size);
      }
      queue.submit([encoder.finish()]);
      return this.#split(await this.#device.mapRead(staging));
    } finally {
      if (this.#isDisposed || this.#device.lost) this.#device.free(staging);
      else this.#idle.push(staging);
    }
  }

  /** Frees the buffers; one that a run is using when that is over. */
  free(): void {
    this.#isDisposed = true;
    for (const buffer of this.#idle) this.#device.free(buffer);
  }

  /** Of a run that gives nothing to the host. */
  async #done(): Promise<void> {
    try {
      await this.#device.done();
    } catch (error) {
      throw this.#device.lost ?? error;
    }
    this.#device.check();
  }

  #make(): GPUBuffer {
    return this.#device.createBuffer(this.#bytes, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
  }

  #split(bytes: ArrayBuffer): Record<string, ArrayBuffer> {
    const parts = this.#parts.map(({ name, value, offset }) => {
      return [name, bytes.slice(offset, offset + byteLength(value))] as const;
    });
    return Object.fromEntries(parts);
  }
}

/** What the host gets: 32-bit floats for both float types; integers as floats are exact up to 2²⁴. */
const HOST: Readonly<Record<DType, (bytes: ArrayBuffer) => Float32Array>> = {
  f32: (bytes) => new Float32Array(bytes),
  f16: (bytes) => fromHalfArray(new Uint16Array(bytes)),
  i32: (bytes) => Float32Array.from(new Int32Array(bytes)),
  u32: (bytes) => Float32Array.from(new Uint32Array(bytes)),
  i8: (bytes) => Float32Array.from(new Int8Array(bytes)),
};

/** An output's bytes as numbers. */
export function toHost({ value }: PlannedTensor, bytes: ArrayBuffer): NdArray {
  return { data: HOST[value.dtype](bytes), shape: value.shape };
}
