// Outputs of a model against the first numbers of PyTorch's.
import type { NdArray, Shape } from "../device/tensor.ts";
import type { FloatType } from "../models/family.ts";
import type { Verification } from "./verifyKernels.ts";

/** An array of expected.json: its shape, and its first numbers. */
export interface ExpectedArray {
  readonly shape: Shape;
  readonly first: readonly number[];
}

const TOLERANCE: Readonly<Record<FloatType, number>> = { f32: 1e-3, f16: 2e-2 };

/** A map [1, places..., C] of the models here in the order of PyTorch's, which is [1, C, places...]. */
export function channelsFirst({ data, shape }: NdArray): NdArray {
  const C = shape.at(-1) ?? 1;
  const N = data.length / C;
  const values = Float32Array.from(data, (_, i) => data[(i % N) * C + Math.floor(i / N)] as number);
  return { data: values, shape: [1, values.length] };
}

/** The first numbers of each row, as a share of the largest of them. */
export function compare(
  name: string,
  dtype: FloatType,
  got: NdArray | undefined,
  rows: readonly ExpectedArray[],
): Verification {
  const columns = got?.shape.at(-1) ?? 0;
  const errors = rows.map(({ first }, row) => {
    const scale = Math.max(...first.map(Math.abs));
    const differences = first.map((expected, i) => Math.abs((got?.data[row * columns + i] ?? Number.NaN) - expected));
    return Math.max(...differences) / scale;
  });
  const worst = Math.max(...errors);
  const error = Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst;
  const tolerance = TOLERANCE[dtype];
  const failures = error <= tolerance ? [] : [`error ${error.toExponential(1)} of the largest value`];
  return { name, dtype, cases: rows.length, error, tolerance, failures };
}
