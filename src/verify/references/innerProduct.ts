// Reference and cases of innerProduct.
import { type InnerProductParams, innerProduct, LOWEST_PRODUCT } from "../../kernels/innerProduct.ts";
import { type CaseInput, defineSuite, type HostTensor, int8Weight, type KernelCase } from "../suite.ts";

interface Made {
  readonly dtype?: "f32" | "f16" | "i8";
  readonly allowed?: readonly number[];
  readonly count?: number;
  readonly why?: string;
}

function productCase(Q: number, N: number, C: number, { dtype = "f32", allowed, count, why }: Made = {}): KernelCase {
  const queries: CaseInput = { shape: [C, Q], dtype: "f32" };
  const rows = dtype === "i8" ? int8Weight("rows", [N, C], [N]) : { rows: { shape: [N, C], dtype } };
  const bits = allowed && { allowed: { shape: [Math.ceil(N / 32)], dtype: "u32" as const, data: allowed } };
  return {
    inputs: { queries, ...rows, ...bits },
    params: count === undefined ? {} : { count },
    dtypes: ["f32"],
    ...(why && { why }),
  };
}

export const innerProductSuite = defineSuite<InnerProductParams>({
  kernel: innerProduct,
  reference: ({ queries, rows, rowsScale, allowed }, { count }) => {
    const [C = 0, Q = 0] = (queries as HostTensor).shape;
    const [N = 0] = (rows as HostTensor).shape;
    const at = (tensor: HostTensor | undefined, i: number) => tensor?.data[i] as number;
    const isAsked = (n: number) =>
      n < ((count as number | undefined) ?? N) && (!allowed || (at(allowed, n >> 5) >>> (n & 31)) & 1);
    return Float64Array.from({ length: Q * N }, (_, i) => {
      const [q, n] = [Math.floor(i / N), i % N];
      if (!isAsked(n)) return Math.fround(LOWEST_PRODUCT);
      let sum = 0;
      for (let c = 0; c < C; c++) sum += at(queries, c * Q + q) * at(rows, n * C + c);
      return sum * (rowsScale ? at(rowsScale, n) : 1);
    });
  },
  cases: [
    productCase(1, 1, 4),
    productCase(1, 33, 512),
    productCase(4, 65, 36),
    productCase(8, 100, 128),
    productCase(12, 70, 16, { why: "four queries beyond a thread's" }),
    productCase(20, 257, 20),
    productCase(64, 39, 12, { why: "as many queries as a workgroup has" }),
    productCase(68, 3, 8, { why: "four beyond them" }),
    productCase(1, 129, 512, { dtype: "f16" }),
    productCase(4, 31, 24, { dtype: "f16" }),
    productCase(36, 70, 40, { dtype: "f16" }),
    productCase(1, 100, 512, { dtype: "i8" }),
    productCase(4, 64, 48, { dtype: "i8" }),
    productCase(64, 66, 80, { dtype: "i8" }),
    productCase(4, 40, 16, { allowed: [0x80000001, 0x55], why: "some rows are allowed" }),
    productCase(16, 40, 16, { allowed: [0x80000001, 0x55], count: 33, why: "some of those that are there" }),
    productCase(8, 40, 16, { dtype: "i8", allowed: [0, 0], why: "none is" }),
    productCase(4, 40, 16, { count: 37, why: "some rows are there" }),
    productCase(1, 40, 16, { count: 0, why: "none is" }),
    productCase(0, 4, 8),
    productCase(4, 0, 8),
  ],
  rejects: [
    { inputs: { queries: [8, 1], rows: [3, 4] }, dtypes: ["f32"], message: "rows has shape [3, 4], expected [3, 8]" },
    {
      inputs: { queries: [6, 1], rows: [3, 6] },
      dtypes: ["f32"],
      message: "queries has shape [6, 1], expected [8, 1]",
    },
    {
      inputs: { queries: [8, 1], rows: { shape: [3, 8], dtype: "i32" } },
      dtypes: ["f32"],
      message: "rows has dtype i32, expected f32, f16 or i8",
    },
    {
      inputs: { queries: [16, 1], rows: { shape: [3, 16], dtype: "i8" } },
      dtypes: ["f32"],
      message: "needs rowsScale",
    },
    {
      inputs: { queries: { shape: [8, 1], dtype: "f16" }, rows: [3, 8] },
      message: "queries has dtype f16, expected f32",
    },
    {
      inputs: { queries: [8, 6], rows: [3, 8] },
      dtypes: ["f32"],
      message: "queries has shape [8, 6], expected [8, 8]",
    },
    { inputs: { queries: [8, 1], rows: [3, 8] }, params: { count: 4 }, dtypes: ["f32"], message: "count is 4" },
  ],
  tolerance: { f32: 5e-6, f16: 5e-6 },
});
