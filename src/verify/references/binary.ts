// Reference and cases of binary.
import type { Shape } from "../../device/tensor.ts";
import { sizeOf } from "../../device/tensor.ts";
import { activate } from "../../kernels/activation.ts";
import { type BinaryParams, binary } from "../../kernels/binary.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const OPS: Readonly<Record<BinaryParams["op"], (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** The value at coordinates counted from the last axis; a missing axis or one of length 1 repeats. */
function valueAt({ shape, data }: HostTensor, fromEnd: readonly number[]): number {
  let index = 0;
  let stride = 1;
  for (let k = 0; k < shape.length; k++) {
    const size = shape[shape.length - 1 - k] as number;
    if (size !== 1) index += (fromEnd[k] as number) * stride;
    stride *= size;
  }
  return data[index] as number;
}

function binaryCase(a: Shape, b: Shape, op: BinaryParams["op"] = "add", why?: string): KernelCase {
  // Divisors away from 0, where a quotient's error has no bound.
  const divisor = op === "div" ? { shape: b, low: 0.5, high: 2 } : b;
  return { inputs: { a, b: divisor }, params: { op }, ...(why && { why }) };
}

const LIMITS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 1];

export const binarySuite = defineSuite<BinaryParams>({
  kernel: binary,
  reference: (inputs, { op, activation = "none" }) => {
    const [a, b] = [inputs.a, inputs.b] as [HostTensor, HostTensor];
    const rank = Math.max(a.shape.length, b.shape.length);
    const fromEnd = (shape: Shape, k: number) => shape[shape.length - 1 - k] ?? 1;
    const sizes = Array.from({ length: rank }, (_, k) => {
      const [m, n] = [fromEnd(a.shape, k), fromEnd(b.shape, k)];
      return m === 1 ? n : m;
    });
    return Float64Array.from({ length: sizeOf(sizes) }, (_, index) => {
      let rest = index;
      const at = sizes.map((size) => {
        const coordinate = rest % size;
        rest = Math.floor(rest / size);
        return coordinate;
      });
      return activate(activation, OPS[op](valueAt(a, at), valueAt(b, at)));
    });
  },
  cases: [
    binaryCase([1], [1]),
    binaryCase([2, 5, 7], [2, 5, 7], "add", "equal shapes, odd count"),
    binaryCase([2, 5, 7], [2, 5, 7], "sub"),
    binaryCase([4, 64], [4, 64], "mul", "one workgroup"),
    binaryCase([257], [257], "div"),
    binaryCase([3, 50, 64], [50, 64], "add", "suffix, whole words"),
    binaryCase([3, 5, 7], [5, 7], "sub", "suffix, odd"),
    binaryCase([6, 32], [6, 1], "div", "one value a row"),
    binaryCase([6, 33], [6, 1], "div", "one value a row, odd"),
    binaryCase([5, 9], [], "mul", "a scalar"),
    binaryCase([1, 12], [5, 1], "sub", "both repeat"),
    binaryCase([2, 3, 4, 1, 3], [3, 4, 6, 1], "mul", "five axes, two merged"),
    binaryCase([2, 3, 4, 8], [2, 1, 4, 1], "add", "four axes"),
    binaryCase([2, 1, 4, 5], [1, 3, 1, 5], "sub", "four axes, odd"),
    binaryCase([512, 512], [512], "add", "large"),
    binaryCase([0, 8], [8]),
    { inputs: { a: [7, 20], b: [20] }, params: { op: "add", activation: "gelu" } },
    {
      inputs: { a: { shape: [5], data: LIMITS }, b: { shape: [5, 1], data: LIMITS } },
      params: { op: "add" },
      why: "limits",
    },
    {
      inputs: { a: { shape: [5], data: LIMITS }, b: { shape: [5, 1], data: LIMITS } },
      params: { op: "div" },
      why: "limits",
    },
  ],
  rejects: [
    { inputs: { a: [2, 8], b: [3] }, params: { op: "add" }, message: "do not broadcast: 8 and 3 at axis 1" },
    {
      inputs: { a: [8], b: { shape: [8], dtype: "u32" } },
      params: { op: "add" },
      message: "b has dtype u32, expected f32",
    },
    { inputs: { a: [2, 3, 2, 3, 2], b: [2, 1, 2, 1, 2] }, params: { op: "add" }, message: "at most 4 are supported" },
  ],
  tolerance: { f32: 5e-7, f16: 1e-3 },
});
