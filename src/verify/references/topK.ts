// Reference and cases of topK.
import { type TopKParams, topK } from "../../kernels/topK.ts";
import { type CaseInput, defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

const INF = Number.POSITIVE_INFINITY;
const NAN = Number.NaN;

function topKCase(x: CaseInput, k: number, why?: string): KernelCase {
  return { inputs: { x }, params: { k }, ...(why && { why }) };
}

/** Rows of five: equals, zeros of both signs, NaN first, last and twice, infinities. */
const LIMITS = [
  [1, 3, 3, 2, 3],
  [-0, 0, -1, -0, 0],
  [NAN, 9, INF, 0, -INF],
  [9, INF, 0, -INF, NAN],
  [1, NAN, NAN, 2, INF],
  [-INF, -INF, -INF, -INF, -INF],
].flat();

/** True where a comes before b: a number after NaN, and equals (0 and -0 too) in their order. */
function comesBefore(a: number, b: number, isEarlier: boolean): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && (isEarlier || !Number.isNaN(b));
  return a > b || (a === b && isEarlier);
}

export const topKSuite = defineSuite<TopKParams>({
  kernel: topK,
  reference: ({ x }, { k }) => {
    const { shape, data } = x as HostTensor;
    const cols = shape.at(-1) as number;
    const rows = data.length / cols;
    const [values, indices] = [new Float64Array(rows * k), new Int32Array(rows * k)];
    for (let row = 0; row < rows; row++) {
      const elements = data.subarray(row * cols, (row + 1) * cols);
      const at = (index: number) => elements[index] as number;
      const order = Array.from(elements, (_, index) => index);
      order.sort((i, j) => (comesBefore(at(i), at(j), i < j) ? -1 : 1));
      indices.set(order.slice(0, k), row * k);
      values.set(order.slice(0, k).map(at), row * k);
    }
    return { values, indices };
  },
  cases: [
    topKCase([1, 1], 1),
    topKCase([3, 5], 5),
    topKCase([2, 3, 5], 2),
    topKCase([7], 3, "one row"),
    topKCase([9, 257], 1),
    topKCase([3, 257], 5),
    topKCase([2, 257], 257, "all, one more than a power of 2"),
    topKCase([2, 1000], 1000, "all"),
    topKCase([1, 1000], 5),
    topKCase([17, 1000], 5, "more rows than threads"),
    topKCase({ shape: [3, 257], high: 0, low: 0 }, 9, "all equal"),
    topKCase({ shape: [6, 5], data: LIMITS }, 5, "limits"),
    topKCase({ shape: [6, 5], data: LIMITS }, 2, "limits, a part"),
    { ...topKCase({ shape: [2, 1500], dtype: "i32", low: -4, high: 4 }, 1100, "many equals"), dtypes: ["f32"] },
    topKCase([2, 20_000], 10, "few of many"),
    topKCase([3, 5000], 1000, "many of many"),
    { ...topKCase({ shape: [2, 3000], dtype: "i32", low: -4, high: 4 }, 1000, "many of many equals"), dtypes: ["f32"] },
    topKCase([0, 8], 3),
    {
      ...topKCase(
        { shape: [2, 4], dtype: "u32", data: [0, 2 ** 32 - 1, 2 ** 31, 0, 0, 0, 0, 1] },
        4,
        "u32 to its ends",
      ),
      dtypes: ["f32"],
    },
    {
      ...topKCase(
        { shape: [1, 5], dtype: "i32", data: [-5, 2 ** 30 + 1, 2 ** 30, -(2 ** 31), 0] },
        5,
        "i32 to its ends",
      ),
      dtypes: ["f32"],
    },
  ],
  rejects: [
    { inputs: { x: [4, 0] }, params: { k: 1 }, message: "expected a last axis that is not empty" },
    { inputs: { x: [4, 3] }, params: { k: 4 }, message: "k is 4, expected a whole number from 1 to 3" },
    { inputs: { x: [4, 3] }, params: { k: 0 }, message: "k is 0" },
    { inputs: { x: [4, 3] }, params: { k: 1.5 }, message: "k is 1.5" },
  ],
  tolerance: { f32: 0, f16: 0 },
});
