// What a kernel is checked against: its cases (inputs by shape, made from a seed) and a reference in float64 on the
// CPU. The same suites run in the tests of Node, Chromium and Deno and in `webgpu-vision verify` on the user's own
// adapter.

import { fromHalf, fromHalfArray, toHalf } from "../device/half.ts";
import { random } from "../device/random.ts";
import type { DType, HostArray, Shape, Spec } from "../device/tensor.ts";
import { sizeOf } from "../device/tensor.ts";
import type { AnyKernel } from "../kernels/kernel.ts";

/** An input on the host: exact values of what the GPU is given. */
export interface HostTensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** An input of a case: a shape (uniform in [-1, 1), of the case's float type), or more when that does not say it. */
export type CaseInput =
  | Shape
  | {
      readonly shape: Shape;
      readonly dtype?: DType;
      readonly low?: number;
      readonly high?: number;
      readonly data?: ArrayLike<number>;
    };

/** An int8 weight of uniform levels and the units of its channels, such that the weight lies in [-1, 1]. */
export function int8Weight<N extends string>(name: N, shape: Shape, channels: Shape) {
  const levels: CaseInput = { shape, dtype: "i8", low: -127, high: 128 };
  const units: CaseInput = { shape: channels, dtype: "f32", low: 0.25 / 127, high: 1 / 127 };
  return { [name]: levels, [`${name}Scale`]: units } as Record<N | `${N}Scale`, CaseInput>;
}

export interface KernelCase {
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly params?: object;
  /** Why the case is there, where the shapes do not say it. */
  readonly why?: string;
  /** Float types to run; both when absent. */
  readonly dtypes?: readonly ("f32" | "f16")[];
}

/** What a kernel must give: its elements, or those of each of several outputs by name. */
export type Reference = ArrayLike<number> | Readonly<Record<string, ArrayLike<number>>>;

export interface KernelSuite {
  readonly kernel: AnyKernel;
  /** The result in float64; the results by name, where there are several. Absent optional inputs are missing. */
  reference(inputs: Record<string, HostTensor>, params: never): Reference;
  readonly cases: readonly KernelCase[];
  /** Inputs that `output` must refuse, with a word of the message. */
  readonly rejects?: readonly (KernelCase & { readonly message: string | RegExp })[];
  /** Largest error, as a share of max(1, largest absolute value of the reference). */
  readonly tolerance: { readonly f32: number; readonly f16: number };
}

/** Checks the type of a suite's reference against its kernel's parameters. */
export function defineSuite<P>(
  suite: Omit<KernelSuite, "reference"> & {
    reference(inputs: Record<string, HostTensor>, params: P): Reference;
  },
): KernelSuite {
  return suite as unknown as KernelSuite;
}

/** The reference's results in the order of the kernel's outputs. */
export function referencesOf(
  suite: KernelSuite,
  inputs: Record<string, HostTensor>,
  params: object = {},
): ArrayLike<number>[] {
  const reference = suite.reference(inputs, params as never);
  const { outputs } = suite.kernel;
  if (outputs.length === 1) return [reference as ArrayLike<number>];
  return outputs.map((name) => (reference as Readonly<Record<string, ArrayLike<number>>>)[name] ?? []);
}

/** A case's input ready for the GPU and for the reference. */
export interface MadeInput {
  readonly spec: Spec;
  readonly data: HostArray;
  readonly host: HostTensor;
}

/** Makes the inputs of a case in one float type; whole numbers where the type is i32, u32 or i8. */
export function makeInputs(test: KernelCase, float: "f32" | "f16", seed = 1): Record<string, MadeInput> {
  const next = random(seed);
  const inputs: Record<string, MadeInput> = {};
  for (const [name, input] of Object.entries(test.inputs)) {
    const options = Array.isArray(input) ? { shape: input as Shape } : (input as Exclude<CaseInput, Shape>);
    inputs[name] = makeInput(options, float, next);
  }
  return inputs;
}

function makeInput(description: Exclude<CaseInput, Shape>, float: "f32" | "f16", next: () => number): MadeInput {
  const { shape, dtype = float, data, high = 1 } = description;
  const { low = dtype === "i32" || dtype === "u32" ? 0 : -1 } = description;
  const n = sizeOf(shape);
  const host = new Float64Array(n);
  for (let i = 0; i < n; i++) host[i] = exact(data ? (data[i] as number) : low + (high - low) * next(), dtype);
  return { spec: { dtype, shape }, data: toDevice(host, dtype), host: { shape, data: host } };
}

/** The value that a GPU of this type holds. */
function exact(value: number, dtype: DType): number {
  if (dtype === "f32") return Math.fround(value);
  if (dtype === "f16") return fromHalf(toHalf(value));
  return Math.floor(value);
}

/** Numbers as a buffer of this type holds them. */
export function toDevice(values: Float64Array, dtype: DType): HostArray {
  if (dtype === "f32") return Float32Array.from(values);
  if (dtype === "f16") return Uint16Array.from(values, toHalf);
  if (dtype === "i8") return Int8Array.from(values);
  return dtype === "i32" ? Int32Array.from(values) : Uint32Array.from(values);
}

/** Elements of a read-back buffer as numbers. */
export function toNumbers(bytes: ArrayBuffer, dtype: DType): ArrayLike<number> {
  if (dtype === "f32") return new Float32Array(bytes);
  if (dtype === "f16") return fromHalfArray(new Uint16Array(bytes));
  if (dtype === "i8") return new Int8Array(bytes);
  return dtype === "i32" ? new Int32Array(bytes) : new Uint32Array(bytes);
}
