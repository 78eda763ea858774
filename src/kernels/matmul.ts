// Matrix product with everything that follows it in a transformer: bias, activation, layer scale, residual.
// torch.nn.functional.linear is `matmul(x, transpose(weight))`; the executor packs the weight once, at load.
import activationSource from "../../shaders/lib/activation.wgsl";
import int8Source from "../../shaders/lib/int8.wgsl";
import lanesSource from "../../shaders/lib/lanes.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import source from "../../shaders/matmul.wgsl";
import { isCpu } from "../device/adapter.ts";
import { ShapeError } from "../device/errors.ts";
import { type DType, expectShape, formatShape, lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import { expectScale, int8Types } from "./int8.ts";
import { defineKernel } from "./kernel.ts";
import type { DeviceTraits, LazySource } from "./launch.ts";
import { matrixUnit } from "./matrixUnits.ts";
import { defineVariants, type Variant, variantsOf } from "./variants.ts";

export interface MatmulParams {
  /** Columns of the result where b is padded beyond them; all of b's when absent. */
  readonly n?: number;
  /** Before the residual; none when absent. */
  readonly activation?: Activation;
  /** After layer scale and residual. */
  readonly outputActivation?: Activation;
  /** Parts into which K is split; the result is then [splits, …a's rows, N] without epilogue, for splitSum. */
  readonly splits?: number;
}

interface Sizes {
  readonly batch: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly N4: number;
}

/** b [K, N]: all rows of a are one matrix; b [batch, K, N]: one matrix a batch. */
function sizes(a: Spec, b: Spec, n?: number): Sizes {
  const [K = 1, columns = 1] = b.shape.slice(-2);
  const batch = b.shape.length === 3 ? (b.shape[0] as number) : 1;
  const M = batch === 0 ? 0 : rowsOf(a) / batch;
  return { batch, M, N: n ?? columns, K, N4: Math.ceil(columns / 4) };
}

export const matmul = /* @__PURE__ */ defineKernel<MatmulParams>()({
  name: "matmul",
  wgsl: [activationSource, nanSource, int8Source, source],
  inputs: ["a", "b", "bias", "scale", "residual", "bScale"],
  optional: ["bias", "scale", "residual", "bScale"],
  params: {
    M: "u32",
    N: "u32",
    K: "u32",
    N4: "u32",
    bStride: "u32",
    residualRows: "u32",
    batch: "u32",
    biasStride: "u32",
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
    if (bias?.shape.length === 2) expectShape("matmul", "bias", bias.shape, [batch, N], "batch and columns");
    else if (bias) expectShape("matmul", "bias", bias.shape, [N], "columns of the result");
    if (scale) expectShape("matmul", "scale", scale.shape, [N], "columns of the result");
    if (residual && (lastDim(residual) !== N || (M * batch) % rowsOf(residual) !== 0)) {
      throw new ShapeError(
        `[matmul] residual ${formatShape(residual.shape)} does not repeat into [${M * batch}, ${N}]`,
      );
    }
    const shape = [...a.shape.slice(0, -1), N];
    return { dtype: a.dtype, shape: splits && splits > 1 ? [splits, ...shape] : shape };
  },
  launch: ({ a, b, bias, scale, residual }, { n, activation = "none", outputActivation = "none", splits = 1 }) => {
    const { M, N, K, N4, batch } = sizes(a, b, n);
    const isEmpty = sizeOf([M, N, batch]) === 0;
    return {
      params: {
        ...{ M, N, K, N4, batch },
        bStride: b.shape.length === 3 ? K * N4 : 0,
        residualRows: residual ? rowsOf(residual) : 1,
        biasStride: bias?.shape.length === 2 ? N : 0,
      },
      types: { Elem: a.dtype, ...int8Types("B", b), ...word("C", N) },
      overrides: {
        ACTIVATION: ACTIVATIONS[activation],
        OUTPUT_ACTIVATION: ACTIVATIONS[outputActivation],
        HAS_BIAS: bias ? 1 : 0,
        HAS_SCALE: scale ? 1 : 0,
        HAS_RESIDUAL: residual ? 1 : 0,
        SPLITS: splits,
      },
      ...(isEmpty && { workgroups: [0] as const }),
    };
  },
  variants: ({ a, b }, { n, splits = 1 }) => variantsOf(TABLE, { ...sizes(a, b, n), splits, type: b.dtype }),
  flops: ({ a, b }, { n }) => {
    const { M, N, K, batch } = sizes(a, b, n);
    return 2 * batch * M * N * K;
  },
});

/** Rows of whole vec4s are read as such. */
function word(name: "A" | "C", columns: number) {
  const isWide = columns % 4 === 0;
  return { [`${name}Word`]: isWide ? "vec4<Elem>" : "Elem", [`${name}_WIDTH`]: isWide ? "4u" : "1u" };
}

const registerTile: LazySource = {
  name: "matmulRegisterTile",
  load: () => import("../../shaders/lib/matmulRegisterTile.wgsl"),
};

const laneTile: LazySource = {
  name: "matmulLaneTile",
  load: () => import("../../shaders/lib/matmulLaneTile.wgsl"),
};

const matrixTile: LazySource = {
  name: "matmulMatrixTile",
  load: () => import("../../shaders/lib/matmulMatrixTile.wgsl"),
};

type TiledSizes = Sizes & { readonly splits: number; readonly type: DType };

const isWhole = ({ splits }: TiledSizes) => splits === 1;

/** A tile of 64 * `tall` rows by 64 * `wide` columns in workgroup memory. */
const sharedTile = (tall: 1 | 2, wide: 1 | 2): Variant<TiledSizes> => ({
  // Fewer than 32 large tiles leave most of a GPU without work.
  suits: ({ M, N, batch, splits }) => {
    const tiles = Math.ceil(M / (64 * tall)) * Math.ceil(N / (64 * wide)) * batch * splits;
    return tall * wide === 1 || tiles >= 32;
  },
  launch: ({ M, N4, K, batch, splits }) => ({
    entryPoint: "sharedTile",
    types: { ...word("A", K), TALL: `${tall}u`, WIDE: `${wide}u` },
    workgroups: [Math.ceil(N4 / (16 * wide)), Math.ceil(M / (64 * tall)), splits > 1 ? splits : batch],
  }),
});

const TABLE = /* @__PURE__ */ defineVariants<TiledSizes>()({
  variants: {
    registerTile: {
      fits: isWhole,
      launch: ({ M, N4, batch }) => ({
        entryPoint: "registerTile",
        lib: [registerTile],
        types: word("A", 1),
        overrides: { WG: 8 },
        workgroups: [Math.ceil(N4 / 16), Math.ceil(M / 4), batch],
      }),
    },
    laneTile: {
      fits: ({ splits }, { subgroupSize }) => splits === 1 && subgroupSize !== undefined,
      launch: ({ M, N4, batch }, { subgroupSize: lanes = 1 }) => {
        const rows = rowsPerLane(M, 25);
        return {
          entryPoint: "laneTile",
          lib: [lanesSource, laneTile],
          types: { ...word("A", 1), ROWS: `${rows}u`, LANES: `${lanes}u` },
          overrides: { WG: lanes },
          workgroups: [Math.ceil(M / rows), Math.ceil(N4 / lanes), batch],
        };
      },
    },
    singleRow: {
      fits: isWhole,
      suits: ({ M }) => M < 8,
      launch: ({ M, N4, K, batch }) => ({
        entryPoint: "singleRow",
        types: word("A", K),
        workgroups: [Math.ceil(N4 / 16), M, batch],
      }),
    },
    matrixTile: {
      fits: ({ splits, type }, device) => splits === 1 && matrixUnit(type, device) !== undefined,
      suits: ({ M }) => M >= 32,
      launch: ({ M, N4, K, batch, type }, device) => {
        const unit = matrixUnit(type, device);
        return {
          entryPoint: "matrixTile",
          lib: [matrixTile],
          types: {
            ...word("A", K),
            ...{ UNIT_M: `${unit?.M}u`, UNIT_N: `${unit?.N}u`, UNIT_K: `${unit?.K}u` },
            // Operands in 8 KiB of workgroup memory, which has 16 at least.
            ...{ LANES: `${device.subgroupSize}u`, STEP: type === "f16" ? "32u" : "16u" },
          },
          workgroups: [Math.ceil(N4 / 16), Math.ceil(M / 64), batch],
        };
      },
    },
    sharedTile: sharedTile(1, 1),
    tallTile: sharedTile(2, 1),
    largeTile: sharedTile(2, 2),
  },
  best: {
    // Shuffles are twice as fast on lavapipe, and three times slower on SwiftShader, where they are dear.
    "cpu-lavapipe": ["laneTile", "registerTile", "sharedTile"],
    cpu: ["registerTile", "sharedTile"],
    // Where there are matrix units they are what a GPU multiplies by.
    gpu: ["singleRow", "matrixTile", "sharedTile", "tallTile", "largeTile", "registerTile"],
    // Published results put larger tiles first where a GPU has many registers; none of these has been measured here.
    nvidia: ["singleRow", "matrixTile", "tallTile", "sharedTile", "largeTile"],
    amd: ["singleRow", "matrixTile", "tallTile", "sharedTile", "largeTile"],
    apple: ["singleRow", "matrixTile", "sharedTile", "tallTile", "registerTile"],
    intel: ["singleRow", "matrixTile", "sharedTile", "laneTile", "tallTile"],
    arm: ["singleRow", "registerTile", "sharedTile"],
    qualcomm: ["singleRow", "sharedTile", "registerTile"],
  },
});

/**
 * Rows of a laneTile: at most `most`, shared out evenly (50 rows are 2 tiles of 25), but of few different numbers, as
 * each is a pipeline to compile. Its sums lie in memory anyway: more rows are more products for a load of the weight.
 */
export function rowsPerLane(M: number, most: 16 | 25): number {
  const even = Math.ceil(M / Math.max(1, Math.ceil(M / most)));
  return [1, 2, 4, 8, 13, 16, 20].find((rows) => rows >= even) ?? most;
}

/** How many parts of K give a GPU enough workgroups for this product; 1 on CPU adapters. */
export function matmulSplits(a: Spec, b: Spec, n: number | undefined, device: DeviceTraits): number {
  const size = sizes(a, b, n);
  return size.batch > 1 ? 1 : splitsOf(size, device);
}

/**
 * The same for a product [M, K] by [K, N] with few tiles and a long K (3x3 convolutions of 7x7 maps). A second dispatch
 * has its price, so the bounds are narrow until they are measured on GPUs.
 */
export function splitsOf({ M, N, K }: Pick<Sizes, "M" | "N" | "K">, device: DeviceTraits): number {
  if (isCpu(device.info.class) || M < 8 || K < 1024) return 1;
  const tiles = Math.ceil(M / 64) * Math.ceil(N / 64);
  return tiles > 8 ? 1 : Math.min(8, Math.floor(K / 256), Math.ceil(64 / tiles));
}
