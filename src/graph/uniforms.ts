// The parameters of all steps of a plan, for one uniform buffer.
import { packParams, paramBytes } from "../kernels/kernel.ts";
import type { Step } from "./plan.ts";

/** Each step's at a multiple of 256 bytes, as WebGPU asks; equal ones once. */
export function packUniforms(steps: readonly Step[]) {
  const offsetOf = new Map<string, number>();
  const structs: Uint8Array[] = [];
  const offsets = steps.map(({ kernel, launch }) => {
    const view = new DataView(new ArrayBuffer(paramBytes(kernel)));
    packParams(kernel, launch.params, view, 0);
    const bytes = new Uint8Array(view.buffer);
    const key = bytes.join();
    let offset = offsetOf.get(key);
    if (offset === undefined) {
      offset = structs.push(bytes) * 256 - 256;
      offsetOf.set(key, offset);
    }
    return offset;
  });
  const bytes = new Uint8Array(Math.max(1, structs.length) * 256);
  structs.forEach((struct, i) => {
    bytes.set(struct, i * 256);
  });
  return { bytes, offsets };
}
