// Matrix product with everything that follows it in a transformer: bias, activation, layer scale, residual.
// torch.nn.functional.linear is `matmul(x, transpose(weight))`; the executor packs the weight once, at load.
import source from "../../shaders/matmul.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { epilogueLaunch, expectEpilogue, residualRows } from "./epilogue.ts";
import { expectScale, int8Types } from "./int8.ts";
import { defineKernel } from "./kernel.ts";
import { PRODUCT_TABLE, type ProductParams, splitsOf, withProduct } from "./product.ts";
import { variantsOf } from "./variants.ts";

export interface MatmulParams extends ProductParams {
  /** Columns of the result where b is padded beyond them; all of b's when absent. */
  readonly n?: number;
}

/** b [K, N]: all rows of a are one matrix; b [batch, K, N]: one matrix a batch. */
function sizes(a: Spec, b: Spec, n?: number) {
  const [K = 1, columns = 1] = b.shape.slice(-2);
  const batch = b.shape.length === 3 ? (b.shape[0] as number) : 1;
  const M = batch === 0 ? 0 : rowsOf(a) / batch;
  return { batch, M, N: n ?? columns, K, N4: Math.ceil(columns / 4) };
}

export const matmul = /* @__PURE__ */ defineKernel<MatmulParams>()({
  name: "matmul",
  wgsl: /* @__PURE__ */ withProduct(source),
  inputs: ["a", "b", "bias", "scale", "residual", "bScale"],
  optional: ["bias", "scale", "residual", "bScale"],
  params: {
    M: "u32",
    N: "u32",
    K: "u32",
    N4: "u32",
    bStride: "u32",
    residualRows: "u32",
    biasStride: "u32",
  },
  product: {
    left: "a",
    right: "b",
    takesInt8: () => true,
    splits: ({ a, b }, { n }, device) => splitsOf(sizes(a, b, n), device),
  },
  output: ({ a, b, bias, scale, residual, bScale }, { n, splits }) => {
    const { N, K, M, batch } = sizes(a, b, n);
    const shapes = `a ${formatShape(a.shape)}, b ${formatShape(b.shape)}`;
    if (b.shape.length < 2 || b.shape.length > 3)
      throw new ShapeError(`[matmul] b must be [K, N] or [batch, K, N]: ${shapes}`);
    if (lastDim(a) !== K) throw new ShapeError(`[matmul] last axis of a must equal b's K: ${shapes}`);
    if (lastDim(b) % 4 !== 0 || N > lastDim(b)) {
      throw new ShapeError(`[matmul] b must be packed to a multiple of 4 columns, at least ${N}: ${shapes}`);
    }
    if (!Number.isInteger(M))
      throw new ShapeError(`[matmul] a's rows must be shared out evenly over b's batch: ${shapes}`);
    expectScale("matmul", "b", b, bScale, [...b.shape.slice(0, -2), lastDim(b)]);
    const isBatched = bias?.shape.length === 2; // a row of bias for each batch
    if (isBatched) expectShape("matmul", "bias", bias.shape, [batch, N], "batch and columns");
    const inputs = { scale, residual, bias: isBatched ? undefined : bias };
    expectEpilogue("matmul", inputs, M * batch, N);
    const shape = [...a.shape.slice(0, -1), N];
    return { dtype: a.dtype, shape: splits && splits > 1 ? [splits, ...shape] : shape };
  },
  launch: ({ a, b, bias, scale, residual }, params) => {
    const { M, N, K, N4, batch } = sizes(a, b, params.n);
    const epilogue = epilogueLaunch({ bias, scale, residual }, params, N);
    return {
      params: {
        ...{ M, N, K, N4 },
        bStride: b.shape.length === 3 ? K * N4 : 0,
        residualRows: residualRows({ residual }),
        biasStride: bias?.shape.length === 2 ? N : 0,
      },
      types: { Elem: a.dtype, ...int8Types("Right", b), ...epilogue.types },
      lib: epilogue.lib,
      overrides: { ...epilogue.overrides, SPLITS: params.splits ?? 1 },
      ...(sizeOf([M, N, batch]) === 0 && { workgroups: [0] as const }),
    };
  },
  variants: ({ a, b }, { n, splits = 1 }) => {
    const size = sizes(a, b, n);
    return variantsOf(PRODUCT_TABLE, { ...size, splits, type: b.dtype, leftWidth: size.K % 4 === 0 ? 4 : 1 });
  },
  flops: ({ a, b }, { n }) => {
    const { M, N, K, batch } = sizes(a, b, n);
    return 2 * batch * M * N * K;
  },
});
