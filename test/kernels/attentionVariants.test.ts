// Which loop of attention GPUs take, by what their adapters say of subgroups and matrix units: without a GPU.
import { describe, expect, it } from "vitest";
import type { DType } from "../../src/device/tensor.ts";
import { attention } from "../../src/kernels/attention.ts";
import type { DeviceTraits } from "../../src/kernels/launch.ts";
import { GPU } from "../graph/traits.ts";

function variantsOf(D: number, dtype: DType) {
  const qkv = { dtype, shape: [1, 50, 2 * D] };
  return attention.variants({ q: qkv, k: qkv, v: qkv }, { heads: 2 });
}

const firstOf = (traits: Partial<DeviceTraits>, D = 64, dtype: DType = "f16") =>
  variantsOf(D, dtype)?.best({ ...GPU, ...traits })[0];

const unit = (M: number, N: number, K: number) => ({ M, N, K, componentType: "f16", resultComponentType: "f32" });

describe("without matrix units", () => {
  it.each([
    ["nvidia", { leastSubgroup: 32 }, "smallSubgroupFlashTile"],
    ["nvidia", {}, "smallFlashTile"],
    ["qualcomm", { leastSubgroup: 64 }, "smallSubgroupFlashTile"],
    ["unknown", { leastSubgroup: 2 }, "smallFlashTile"],
    ["amd", { leastSubgroup: 32 }, "subgroupFlashTile"],
    ["amd", {}, "flashTile"],
    ["intel", { leastSubgroup: 8, smallestSubgroup: 8 }, "subgroupFlashTile"],
    ["intel", { leastSubgroup: 8 }, "smallSubgroupFlashTile"],
    ["intel", {}, "smallFlashTile"],
    ["apple", { leastSubgroup: 32 }, "smallFlashTile"],
    ["arm", { leastSubgroup: 16 }, "lateFlashTile"],
  ] as const)("%s with %o", (adapterClass, traits, variant) => {
    expect(firstOf({ info: { class: adapterClass }, ...traits })).toBe(variant);
  });

  it("on Intel's, heads beyond 64 take 2 keys a thread, as 4 spill", () => {
    const intel = { info: { class: "intel" }, leastSubgroup: 8, smallestSubgroup: 8 } as const;
    expect(firstOf(intel, 64)).toBe("subgroupFlashTile");
    expect(firstOf(intel, 96)).toBe("smallSubgroupFlashTile");
  });

  it("queries come in chunks, in f32, on Qualcomm's, and on AMD's with heads beyond 80 or relative positions", () => {
    const qualcomm = { info: { class: "qualcomm" }, leastSubgroup: 64 } as const;
    expect(firstOf(qualcomm, 64, "f32")).toBe("smallChunkedFlashTile");
    expect(firstOf({ info: { class: "qualcomm" } }, 64, "f32")).toBe("smallFlashTile");
    const amd = { ...GPU, info: { class: "amd" }, leastSubgroup: 32 } as const;
    expect(firstOf(amd, 80, "f32")).toBe("subgroupFlashTile");
    expect(firstOf(amd, 96, "f32")).toBe("chunkedFlashTile");
    expect(firstOf(amd, 96, "f16")).toBe("subgroupFlashTile");
    const spec = (...shape: number[]) => ({ dtype: "f32", shape }) as const;
    for (const window of [14, 7]) {
      const tokens = spec(1, 196, 64);
      const inputs = { q: tokens, k: tokens, v: tokens, rel: spec(1, 196, 1, 2 * window) };
      const windows = attention.variants(inputs, { heads: 1, grid: [14, 14], window });
      expect(windows?.best(amd)[0]).toBe("chunkedFlashTile");
    }
  });

  it("heads beyond 128 take the loop that no limit stands against", () => {
    expect(firstOf({ leastSubgroup: 32 }, 256)).toBe("registerTile");
  });
});

describe("matrix units", () => {
  const limits = { ...GPU.limits, maxComputeWorkgroupStorageSize: 32 << 10 };
  const nvidia = { subgroupSize: 32, leastSubgroup: 32, matrixUnits: [unit(16, 16, 16)], limits };

  it("take operands in f16", () => {
    expect(firstOf(nvidia)).toBe("subgroupMatrixTile");
    expect(firstOf({ ...nvidia, matrixUnits: [unit(8, 16, 16)], subgroupSize: 16 })).toBe("subgroupMatrixTile");
    expect(firstOf(nvidia, 64, "f32")).toBe("smallSubgroupFlashTile");
  });

  it("take what cuts 32 queries by heads in whole units", () => {
    expect(firstOf({ ...nvidia, matrixUnits: [unit(64, 16, 16)] })).toBe("smallSubgroupFlashTile");
    expect(firstOf({ ...nvidia, matrixUnits: [unit(8, 32, 16)] })).toBe("smallSubgroupFlashTile");
  });

  it("take heads whose tiles find room in workgroup memory", () => {
    expect(firstOf(nvidia, 128)).toBe("subgroupMatrixTile");
    expect(GPU.limits.maxComputeWorkgroupStorageSize).toBe(16 << 10);
    expect(firstOf({ ...nvidia, limits: GPU.limits }, 48)).toBe("subgroupMatrixTile");
    expect(firstOf({ ...nvidia, limits: GPU.limits }, 64)).toBe("smallSubgroupFlashTile");
  });
});
