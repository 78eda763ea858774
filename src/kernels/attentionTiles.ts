// The loops of attention, and which of them suits an adapter and a size. shaders/attention.wgsl says what they share.
import lanesSource from "../../shaders/lib/lanes.wgsl";
import noLanesSource from "../../shaders/lib/noLanes.wgsl";
import outerSource from "../../shaders/lib/outer.wgsl";
import unrollSource from "../../shaders/lib/unroll.wgsl";
import type { DType } from "../device/tensor.ts";
import type { LazySource } from "./launch.ts";
import { matrixUnit, unitTypes } from "./matrixUnits.ts";
import { defineVariants, unrollType, type Variant, type VariantLaunch } from "./variants.ts";

/** What the choice of a variant looks at. */
export interface AttentionSize {
  /** Batch elements, or their windows. */
  readonly parts: number;
  /** Queries of a part, at most. */
  readonly queries: number;
  readonly heads: number;
  readonly D: number;
  /** Elements that may be read at once where they are neighbours in a row. */
  readonly rowWidth: 1 | 4;
  /** The most keys that windows' rows are whole numbers of, where they have scores `rel`: 1, 2 or 4; 0 without. */
  readonly neighbours: number;
  readonly dtype: DType;
}

const registerTile: LazySource = () => import("../../shaders/lib/attentionRegisterTile.wgsl");

const flashTile: LazySource = () => import("../../shaders/lib/attentionFlashTile.wgsl");

const keysSource: LazySource = () => import("../../shaders/lib/attentionKeys.wgsl");

const subgroupMatrixTile: LazySource = () => import("../../shaders/lib/attentionSubgroupMatrixTile.wgsl");

const rowVectors: LazySource = () => import("../../shaders/lib/rowVectors.wgsl");
const rowElements: LazySource = () => import("../../shaders/lib/rowElements.wgsl");

// Sums of 4 queries a thread fit 16 KiB of workgroup memory up to this head size with 8 threads.
const MOST_D = 128;

/** With the sums of each thread in memory of its own, or in the workgroup's; LANES threads share what they load. */
function tile({ parts, queries, heads, D }: AttentionSize, WG: number, areOwn: boolean, LANES = 1): VariantLaunch {
  // Head sizes from one power of 2 to the next share a pipeline.
  const sums = Math.max(16, 2 ** Math.ceil(Math.log2(D)));
  return {
    entryPoint: "registerTile",
    lib: [outerSource, LANES > 1 ? lanesSource : noLanesSource, registerTile],
    types: { RowWord: "Elem", LANES: `${LANES}u`, OWN_SUMS: areOwn ? `${sums}u` : "1u" },
    overrides: { WG, SHARED_SUMS: areOwn ? 1 : WG * sums },
    workgroups: [Math.ceil(queries / (4 * WG)), heads, parts],
  };
}

/** How rows are read, and scores of positions: of so many keys at once, at most. */
function reading({ D, rowWidth, neighbours }: AttentionSize, most: number) {
  const isWide = rowWidth === 4;
  const types = { D: `${D}u`, KEYS: `${Math.min(most, neighbours) || 1}u`, RowWord: isWide ? "vec4<Elem>" : "Elem" };
  return { source: isWide ? rowVectors : rowElements, types };
}

/**
 * With TK keys a thread; where threads of a subgroup tell each other maxima and sums, it has at least 4. Where a thread
 * has few registers, nothing is loaded AHEAD or for several keys at once. Where too few threads find room, queries are
 * CHUNKED: they come into workgroup memory 16 elements at a time, anew for each tile of keys.
 */
const flashTileOf = (TK: 2 | 4, hasLanes = false, AHEAD = true, CHUNKED = false): Variant<AttentionSize> => ({
  // Queries and a chunk of keys fit 16 KiB, and no thread has more than 2 vec4s of each sum.
  fits: ({ D }, { leastSubgroup = 0 }) => D <= MOST_D && (!hasLanes || leastSubgroup >= 4),
  suits: ({ D, dtype, neighbours }, { info, smallestSubgroup }) => {
    // Room for 8 waves in place of 4 on Adreno (2 keys), for 8 and 10 in place of 6 on RDNA 4; f16 has room as it is.
    if (CHUNKED) return dtype === "f32" && (TK === 2 || D > 80 || neighbours > 0);
    // Intel's spill 250 times in subgroups of more than the fewest threads, and 80 times in these with heads of 96.
    return TK === 2 || info.class !== "intel" || (!!smallestSubgroup && D <= 64);
  },
  launch: (size, device) => {
    const { source, types } = reading(size, AHEAD ? TK : 1);
    return {
      entryPoint: "flashTile",
      lib: [unrollSource, source, hasLanes ? lanesSource : noLanesSource, keysSource, flashTile],
      types: {
        ...types,
        TK: `${TK}u`,
        AHEAD: `${AHEAD}`,
        CHUNKED: `${CHUNKED}`,
        ...(!CHUNKED && { Four: "vec4<Elem>" }),
        LANES: `${hasLanes ? device.leastSubgroup : 1}u`,
        ...unrollType(device),
      },
      subgroupSize: device.smallestSubgroup,
      workgroups: [Math.ceil(size.queries / (size.D <= 80 ? 32 : 16)), size.heads, size.parts],
    };
  },
});

export const ATTENTION_TABLE = /* @__PURE__ */ defineVariants<AttentionSize>()({
  variants: {
    // On lavapipe sums in the workgroup's memory are 5 % faster, and on GPUs a thread has little memory of its own.
    registerTile: {
      launch: (size, { info }) => tile(size, size.D <= MOST_D ? 8 : 4, info.class === "cpu-swiftshader"),
    },
    subgroupTile: {
      fits: ({ D }, { subgroupSize }) => D <= MOST_D && subgroupSize !== undefined,
      launch: (size, { subgroupSize = 1 }) => tile(size, subgroupSize, false, subgroupSize),
    },
    flashTile: flashTileOf(4),
    smallFlashTile: flashTileOf(2),
    subgroupFlashTile: flashTileOf(4, true),
    smallSubgroupFlashTile: flashTileOf(2, true),
    chunkedFlashTile: flashTileOf(4, true, true, true),
    smallChunkedFlashTile: flashTileOf(2, true, true, true),
    lateFlashTile: flashTileOf(2, false, false),
    subgroupMatrixTile: {
      // Queries and keys, and 8,648 bytes for scores, weights and what goes with each query, in workgroup memory.
      fits: ({ D, dtype }, device) => {
        const { M = 0, N = 0 } = (dtype === "f16" && matrixUnit(dtype, device)) || {};
        const { maxComputeWorkgroupStorageSize } = device.limits;
        return 32 % M === 0 && 16 % N === 0 && 2048 * Math.ceil(D / 16) + 8648 <= maxComputeWorkgroupStorageSize;
      },
      launch: (size, device) => {
        const { source, types } = reading(size, 1);
        return {
          entryPoint: "subgroupMatrixTile",
          lib: [source, lanesSource, keysSource, subgroupMatrixTile],
          types: { ...types, ...unitTypes(size.dtype, device) },
          workgroups: [Math.ceil(size.queries / 32), size.heads, size.parts],
        };
      },
    },
  },
  best: {
    "cpu-lavapipe": ["subgroupTile", "registerTile"], // twice as fast; on SwiftShader shuffles are dear
    cpu: ["registerTile"],
    // By Mesa's compilers, f32 and heads of 64. 2 keys a thread take fewer registers: 32 of 48 warps find room on
    // NVIDIA (20 with 4 keys), 768 threads on Apple (512), and ARM spills less: 45 times, and 15 where keys are loaded
    // when they are needed. AMD has room for 10 waves with either; 89 % of its cycles multiply with 4 keys, 64 % with
    // 2, where it waits for workgroup memory. Intel's smallest subgroups spill with neither, and 4 keys take 15 % fewer
    // instructions a key. Maxima and sums by subgroups need a sixth fewer barriers and 8 % less of workgroup memory, in
    // as many instructions and no more registers; but on Apple each exchange takes cycles (6 % of the loop's), and on
    // ARM registers (129 spills for 45). Matrix units take a third of the instructions a key (NVIDIA, f16). Queries in
    // chunks take 7 to 8 % more cycles on AMD: only where whole ones leave too little room for threads.
    gpu: ["subgroupMatrixTile", "smallSubgroupFlashTile", "smallFlashTile", "flashTile", "registerTile"],
    qualcomm: [
      "subgroupMatrixTile",
      "smallChunkedFlashTile",
      "smallSubgroupFlashTile",
      "smallFlashTile",
      "flashTile",
      "registerTile",
    ],
    amd: ["subgroupMatrixTile", "chunkedFlashTile", "subgroupFlashTile", "flashTile", "registerTile"],
    intel: ["subgroupMatrixTile", "subgroupFlashTile", "smallSubgroupFlashTile", "smallFlashTile", "registerTile"],
    apple: ["subgroupMatrixTile", "smallFlashTile", "flashTile", "registerTile"],
    arm: ["lateFlashTile", "smallFlashTile", "registerTile"],
  },
});
