// Inputs to try a part with, and floats as arrays of the type that a graph computes in.
import { toHalfArray } from "../device/half.ts";
import { type HostArray, sizeOf } from "../device/tensor.ts";
import type { Example, FloatType } from "./family.ts";
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

/** A part that takes normalised pixels alone. */
export function pixelsExample(part: Part<"pixels">): Example {
  const { shape, dtype } = part.inputs.pixels;
  return { part, inputs: (random) => ({ pixels: noise(sizeOf(shape), random, dtype as FloatType) }) };
}
