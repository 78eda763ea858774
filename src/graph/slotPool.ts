// GPU buffers that plans take turns with. What a plan keeps in its slots is of no use after its run: inputs are written
// and outputs copied in the submit that runs it, and submits follow each other. So plans that are not parts of one
// submit may have the same buffers, and many plans take little more than the largest of them.
import { type Device, USAGE } from "../device/device.ts";

/** Buffers that several plans take turns with: one pool for `Executor.create` of each. */
export class SlotPool {
  readonly #device: Device;
  /**
   * How many plans have each buffer.
   *
   * @internal
   */
  readonly plans = new Map<GPUBuffer, number>();

  /** Empty: buffers are made as plans need them. */
  constructor(device: Device) {
    this.#device = device;
  }

  /** A buffer of its own for each slot of a plan: the smallest that is large enough, or a new one. */
  take(sizes: readonly number[]): GPUBuffer[] {
    const free = [...this.plans.keys()].sort((a, b) => a.size - b.size);
    const buffers: GPUBuffer[] = [];
    try {
      for (const bytes of sizes) {
        const at = free.findIndex(({ size }) => size >= bytes);
        const buffer = at < 0 ? this.#make(bytes) : (free.splice(at, 1)[0] as GPUBuffer);
        this.plans.set(buffer, (this.plans.get(buffer) ?? 0) + 1);
        buffers.push(buffer);
      }
      return buffers;
    } catch (error) {
      this.give(buffers);
      throw error;
    }
  }

  /** Frees what no other plan has. */
  give(buffers: readonly GPUBuffer[]): void {
    for (const buffer of buffers) {
      const others = (this.plans.get(buffer) ?? 0) - 1;
      if (others > 0) {
        this.plans.set(buffer, others);
        continue;
      }
      this.plans.delete(buffer);
      this.#device.free(buffer);
    }
  }

  #make(bytes: number): GPUBuffer {
    return this.#device.createBuffer(bytes, USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, "activations");
  }
}
