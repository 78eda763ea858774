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

/** The outputs of a plan that come to the host, and where they lie in a buffer. */
function partsOf({ outputs, bound }: Plan): Part[] {
  let offset = 0;
  return [...outputs].flatMap(([name, { value, place }]) => {
    if (bound.get(name)?.kind === "output") return [];
    const size = Math.ceil(byteLength(value) / 4) * 4;
    const part = { name, value, place, offset, size };
    offset += bytesOf(part);
    return [part];
  });
}

function bytesOf({ size }: Pick<Part, "size">): number {
  return Math.max(8, Math.ceil(size / 8) * 8);
}

/** Bytes of a readback buffer of a plan. */
export function readbackBytes(plan: Plan): number {
  return partsOf(plan).reduce((sum, part) => sum + bytesOf(part), 0);
}

/** Copies the outputs of a plan to the host, but for those that the caller has in buffers of its own. */
export class Readback {
  readonly #device: Device;
  readonly #parts: readonly Part[];
  readonly #bytes: number;
  /** A buffer that no run is using; runs that overlap have further ones, which go when they are over. */
  idle: GPUBuffer | undefined;
  #isDisposed = false;

  constructor(device: Device, plan: Plan) {
    this.#device = device;
    this.#parts = partsOf(plan);
    this.#bytes = readbackBytes(plan);
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
    const staging = this.idle ?? this.#make();
    this.idle = undefined;
    try {
      for (const { place, offset, size } of this.#parts) {
        if (size) encoder.copyBufferToBuffer(bufferAt(place), 0, staging, offset, size);
      }
      queue.submit([encoder.finish()]);
      return await this.#device.mapRead(staging, (mapped) => this.#split(mapped));
    } finally {
      if (this.#isDisposed || this.#device.lost || this.idle) this.#device.free(staging);
      else this.idle = staging;
    }
  }

  /** Frees the buffers; one that a run is using when that is over. */
  free(): void {
    this.#isDisposed = true;
    if (this.idle) this.#device.free(this.idle);
  }

  /** Of a run that gives nothing to the host. */
  async #done(): Promise<void> {
    await this.#device.done();
    this.#device.check();
  }

  #make(): GPUBuffer {
    return this.#device.createBuffer(this.#bytes, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
  }

  #split(mapped: ArrayBuffer): Record<string, ArrayBuffer> {
    const parts = this.#parts.map(({ name, value, offset }) => {
      return [name, mapped.slice(offset, offset + byteLength(value))] as const;
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
