// Inputs to try a part with, and floats as arrays of the type that a graph computes in.
import { toHalfArray } from "../device/half.ts";
import { type HostArray, type Spec, sizeOf } from "../device/tensor.ts";
import type { HostInputs } from "../graph/executor.ts";
import type { FloatType } from "./family.ts";
import type { Part } from "./part.ts";

/** f16 are bits in a Uint16Array. */
export function floatArray(values: Float32Array, dtype: FloatType): HostArray {
  return dtype === "f16" ? toHalfArray(values) : values;
}

/** Uniform in [-1, 1): what stands for normalised pixels. */
export function noise(count: number, random: () => number, dtype: FloatType): HostArray {
  return floatArray(
    Float32Array.from({ length: count }, () => 2 * random() - 1),
    dtype,
  );
}

/** Noise for the floats that a part takes (pixels, say), and for whole numbers (what tokens are) 0, 1, 2 … */
export function exampleInputs(part: Part, random: () => number): HostInputs {
  const values = ({ dtype, shape }: Spec) => {
    const count = sizeOf(shape);
    return dtype === "i32" ? Int32Array.from(Array(count).keys()) : noise(count, random, dtype as FloatType);
  };
  return Object.fromEntries(Object.entries(part.inputs).map(([name, spec]) => [name, values(spec)]));
}
