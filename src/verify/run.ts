// Runs the cases of one kernel and compares every element with the reference.
import type { Device } from "../device/device.ts";
import { formatShape, type Shape, type Spec, sizeOf, type Tensor } from "../device/tensor.ts";
import { dispatchAll } from "../kernels/dispatch.ts";
import type { Launch } from "../kernels/launch.ts";
import { type CaseInput, type KernelCase, type KernelSuite, makeInputs, referencesOf, toNumbers } from "./suite.ts";

/** Outcome of one case on one adapter. */
export interface CaseResult {
  readonly kernel: string;
  readonly label: string;
  readonly dtype: "f32" | "f16";
  /** Largest error as a share of max(1, largest absolute value). */
  readonly error: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

/** Runs one case and compares every element of every output. */
export async function runCase(
  device: Device,
  suite: KernelSuite,
  test: KernelCase,
  dtype: "f32" | "f16",
  change?: (launch: Launch) => Launch,
): Promise<CaseResult> {
  const caseInputs = makeInputs(test, dtype);
  const tensors: Tensor[] = [];
  try {
    const inputs: Record<string, Tensor> = {};
    for (const [name, { spec, data }] of Object.entries(caseInputs)) {
      tensors.push((inputs[name] = device.upload(spec, data, name)));
    }
    const outputs = await dispatchAll(device, suite.kernel, inputs, test.params, change);
    tensors.push(...outputs);
    const host = Object.fromEntries(Object.entries(caseInputs).map(([name, { host }]) => [name, host]));
    const expected = referencesOf(suite, host, test.params);
    const error = largestErrorOf(outputs, await readAll(device, outputs), expected);
    const tolerance = suite.tolerance[dtype];
    return { kernel: suite.kernel.name, label: caseLabel(test), dtype, error, tolerance, passed: error <= tolerance };
  } finally {
    for (const { buffer } of tensors) device.free(buffer);
  }
}

/** Elements of tensors as numbers, on the host. */
export async function readAll(device: Device, tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  const results: ArrayLike<number>[] = [];
  for (const tensor of tensors) results.push(toNumbers(await device.read(tensor), tensor.dtype));
  return results;
}

/** The largest of the errors of several outputs; an output without a reference is an infinite one. */
export function largestErrorOf(
  outputs: readonly Spec[],
  results: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): number {
  return Math.max(
    ...outputs.map(({ shape }, i) => {
      const [got, reference] = [results[i], expected[i]];
      return got && reference ? largestError(got, reference, shape) : Number.POSITIVE_INFINITY;
    }),
  );
}

/**
 * Largest difference as a share of max(1, largest absolute value); NaN must meet NaN, and a missing element is
 * infinite.
 */
export function largestError(got: ArrayLike<number>, expected: ArrayLike<number>, shape: Shape): number {
  if (got.length < sizeOf(shape) || expected.length !== sizeOf(shape)) return Number.POSITIVE_INFINITY;
  let scale = 1;
  for (let i = 0; i < expected.length; i++)
    if (Number.isFinite(expected[i])) scale = Math.max(scale, Math.abs(expected[i] as number));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i] as number, expected[i] as number];
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b) / scale;
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst;
}

/** `x [3, 768], gamma [768] {eps: 1e-5}`. */
export function caseLabel({ inputs, params, why }: KernelCase): string {
  const shapeOf = (input: CaseInput) => (Array.isArray(input) ? input : (input as { shape: Shape }).shape) as Shape;
  const shapes = Object.entries(inputs).map(([name, input]) => `${name} ${formatShape(shapeOf(input))}`);
  const options = params && Object.keys(params).length ? ` ${JSON.stringify(params)}` : "";
  return shapes.join(", ") + options + (why ? ` (${why})` : "");
}
