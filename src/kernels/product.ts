// What matmul and conv2d share as products of two matrices: the loops over tiles of the result, which of them suits an
// adapter and a size, and how K is split. shaders/lib/product.wgsl says what such a kernel's shader provides.
import int8Source from "../../shaders/lib/int8.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import lanesSource from "../../shaders/lib/lanes.wgsl";
import productSource from "../../shaders/lib/product.wgsl";
import unrollSource from "../../shaders/lib/unroll.wgsl";
import type { DType } from "../device/tensor.ts";
import { type EpilogueParams, withEpilogue, wordTypes } from "./epilogue.ts";
import { foldWorkgroups } from "./kernel.ts";
import type { DeviceTraits, LazySource } from "./launch.ts";
import { matrixUnit, unitTypes } from "./matrixUnits.ts";
import { defineVariants, isCpu, unrollType, type Variant } from "./variants.ts";

/** What every product takes. */
export interface ProductParams extends EpilogueParams {
  /** Parts into which K is split; the result is then [splits, …, N] without epilogue, for splitSum. */
  readonly splits?: number;
}

/** A product [M, K] by [K, N], or `batch` of them. */
export interface ProductSize {
  readonly batch: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** vec4s in a row of the right operand. */
  readonly N4: number;
  readonly splits: number;
  /** Type of the right operand. */
  readonly type: DType;
  /** How many neighbours of the left operand may be read at once. */
  readonly leftWidth: 1 | 4;
}

/** The sources of a product, from its own; a variant adds a loop. Marked `@__PURE__` where called, as records are. */
export function withProduct(source: string | LazySource): readonly (string | LazySource)[] {
  return withEpilogue(int8Source, invocationSource, productSource, source);
}

// A loop is loaded where it is launched.
const gemvSource: LazySource = () => import("../../shaders/lib/productGemv.wgsl");

const sharedTileSource: LazySource = () => import("../../shaders/lib/productSharedTile.wgsl");

const registerTileSource: LazySource = () => import("../../shaders/lib/productRegisterTile.wgsl");

const subgroupTileSource: LazySource = () => import("../../shaders/lib/productSubgroupTile.wgsl");

const subgroupMatrixTileSource: LazySource = () => import("../../shaders/lib/productSubgroupMatrixTile.wgsl");

/** Workgroups for tiles of so many rows and vec4 columns, as tileOf of lib/product.wgsl numbers them. */
function tiles({ M, N4, batch, splits }: ProductSize, rows: number, columns4: number): [number, number, number] {
  return [...foldWorkgroups(Math.ceil(M / rows) * Math.ceil(N4 / columns4)), splits > 1 ? splits : batch];
}

const isWhole = ({ splits }: ProductSize) => splits === 1;

/** A tile of `BM` rows by `BN` columns in workgroup memory. */
const sharedTile = (BM: 64 | 128, BN: 64 | 128): Variant<ProductSize> => ({
  // Fewer tiles leave most of a GPU without work, and what they sum beyond the result costs as much as the rest: CLIP
  // B/32's 50 rows are 64 or 128. Not measured: most GPUs have 16 to 100 cores.
  suits: ({ M, N, batch, splits }) => {
    const size = BM * BN;
    const tiles = Math.ceil(M / BM) * Math.ceil(N / BN);
    const least = BN > 64 ? 96 : 48;
    return size === 64 * 64 || (tiles * batch * splits >= least && tiles * size <= 1.5 * M * N);
  },
  launch: (size, device) => ({
    entryPoint: "sharedTile",
    lib: [unrollSource, sharedTileSource],
    types: {
      ...wordTypes("Left", size.leftWidth),
      ...{ TM: `${BM / 16}u`, TN: `${BN / 16}u`, WHOLE: `${size.K % (16 * size.splits) === 0}` },
      // Where loads are issued ahead Mesa spills 44 registers on Intel, but for small subgroups, and 12 on ARM.
      AHEAD: `${!/intel|arm/.test(device.info.class) || !!device.smallestSubgroup}`,
      // How the left tile lies: bench/results/compilers-products.md.
      ROWS: `${/amd|qual/.test(device.info.class) && BN < 128}`,
      ...unrollType(device),
    },
    subgroupSize: device.smallestSubgroup,
    workgroups: tiles(size, BM, BN / 4),
  }),
});

export const PRODUCT_TABLE = /* @__PURE__ */ defineVariants<ProductSize>()({
  variants: {
    registerTile: {
      fits: isWhole,
      launch: (size, device) => ({
        entryPoint: "registerTile",
        lib: [unrollSource, registerTileSource],
        types: { ...wordTypes("Left", 1), ...unrollType(device) },
        workgroups: tiles(size, 4, 16),
      }),
    },
    subgroupTile: {
      fits: (size, { subgroupSize }) => isWhole(size) && subgroupSize !== undefined,
      launch: (size, device) => {
        const { subgroupSize = 1 } = device;
        const rows = subgroupTileRows(size.M);
        return {
          entryPoint: "subgroupTile",
          lib: [lanesSource, unrollSource, subgroupTileSource],
          types: { ...wordTypes("Left", 1), ...unrollType(device), ROWS: `${rows}u`, LANES: `${subgroupSize}u` },
          workgroups: tiles(size, rows, subgroupSize),
        };
      },
    },
    gemv: {
      fits: isWhole,
      // With fewer rows most of a sharedTile is empty. Not measured.
      suits: ({ M }) => M < 8,
      launch: (size) => ({
        entryPoint: "gemv",
        lib: [gemvSource],
        types: wordTypes("Left", size.leftWidth),
        workgroups: tiles(size, 1, 16),
      }),
    },
    subgroupMatrixTile: {
      fits: (size, device) => isWhole(size) && matrixUnit(size.type, device) !== undefined,
      // Fewer rows leave more than half of a tile empty. Not measured.
      suits: ({ M }) => M >= 32,
      launch: (size, device) => ({
        entryPoint: "subgroupMatrixTile",
        lib: [subgroupMatrixTileSource],
        types: {
          ...wordTypes("Left", size.leftWidth),
          ...unitTypes(size.type, device),
          BK: size.type === "f16" ? "32u" : "16u", // operands take 8 KiB of workgroup memory, of 16 that all have
        },
        workgroups: tiles(size, 64, 16),
      }),
    },
    sharedTile: /* @__PURE__ */ sharedTile(64, 64),
    tallTile: /* @__PURE__ */ sharedTile(128, 64),
    largeTile: /* @__PURE__ */ sharedTile(128, 128),
  },
  best: {
    // Measured on lavapipe and SwiftShader: shuffles are twice as fast as registerTile on the one, and
    // three times slower on the other.
    "cpu-lavapipe": ["subgroupTile", "registerTile", "sharedTile"],
    cpu: ["registerTile", "sharedTile"],
    // The order on GPUs is not measured: it follows what others published of them. Matrix units, where there are any,
    // are what a GPU multiplies by, and larger tiles are for GPUs with many registers.
    gpu: ["gemv", "subgroupMatrixTile", "sharedTile", "tallTile", "registerTile"],
    nvidia: ["gemv", "subgroupMatrixTile", "tallTile", "sharedTile", "largeTile"],
    amd: ["gemv", "subgroupMatrixTile", "largeTile", "tallTile", "sharedTile"],
  },
});

/**
 * Rows of a subgroupTile: at most 25, shared out evenly (50 rows are 2 tiles of 25), but of few different numbers, as
 * each is a pipeline to compile. Its sums lie in memory anyway: more rows are more products for a load of the right
 * operand. Measured on lavapipe (Mesa 25): conv2d with at most 25 rows, tiles one below the other first, takes 0.7 to
 * 1.0 of the time that it took with at most 16, tiles side by side first. Other lists of numbers are not measured.
 */
function subgroupTileRows(M: number): number {
  const most = 25;
  const even = Math.ceil(M / Math.max(1, Math.ceil(M / most)));
  return [1, 2, 4, 8, 13, 16, 20].find((rows) => rows >= even) ?? most;
}

/**
 * How many parts of K give a GPU enough workgroups where a product has few tiles and long sums (3x3 convolutions of 7x7
 * maps); 1 on CPU adapters. A second dispatch has its price, so the bounds are narrow. None of them is measured: no GPU
 * was at hand.
 */
export function splitsOf(
  { batch, M, N, K }: Pick<ProductSize, "batch" | "M" | "N" | "K">,
  device: DeviceTraits,
): number {
  if (isCpu(device.info.class) || batch > 1 || M < 8 || K < 1024) return 1;
  const smallTiles = Math.ceil(M / 64) * Math.ceil(N / 64);
  return smallTiles > 8 ? 1 : Math.min(8, Math.floor(K / 256), Math.ceil(64 / smallTiles));
}
