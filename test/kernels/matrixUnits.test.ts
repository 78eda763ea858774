// Which matrix units take a product: of adapters as Dawn reports them, without a GPU.
import { describe, expect, it } from "vitest";
import type { MatrixUnit } from "../../src/device/adapter.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { matrixUnit } from "../../src/kernels/matrixUnits.ts";
import { GPU } from "../graph/traits.ts";

const unit = (M: number, N: number, K: number, componentType = "f16", resultComponentType = "f32"): MatrixUnit => {
  return { M, N, K, componentType, resultComponentType };
};

const device = (subgroupSize: number | undefined, ...matrixUnits: MatrixUnit[]) => ({
  ...GPU,
  subgroupSize,
  matrixUnits,
});

/** Units by what has them, with the size of its subgroups. */
const UNITS = {
  lavapipe: [8, unit(8, 8, 8)],
  nvidia: [32, unit(16, 16, 16)],
  "nvidia, half as wide": [32, unit(16, 8, 8)],
  apple: [32, unit(8, 8, 8, "f32")],
  intel: [16, unit(8, 16, 16)],
  "amd of 64 threads": [64, unit(16, 16, 16)],
} as const satisfies Record<string, readonly [number, MatrixUnit]>;

describe.each(Object.entries(UNITS))("%s", (_, [lanes, its]) => {
  it("covers a tile of 64 x 64 once, the parts of a subgroup side by side", () => {
    expect(matrixUnit(its.componentType === "f32" ? "f32" : "f16", device(lanes, its))).toBe(its);
    const parts = (16 * lanes) / (its.M * its.N);
    const perRow = 64 / its.N;
    const corners = new Set<string>();
    for (let subgroup = 0; subgroup < 256 / lanes; subgroup++) {
      // As the shader has it.
      const row = Math.floor((subgroup * parts) / perRow) * its.M;
      const col = ((subgroup * parts) % perRow) * its.N;
      for (let part = 0; part < parts; part++) {
        expect(col + (part + 1) * its.N).toBeLessThanOrEqual(64);
        corners.add(`${row} ${col + part * its.N}`);
      }
    }
    expect(corners.size).toBe(4096 / (its.M * its.N));
  });
});

describe("none is taken", () => {
  it.each([
    ["sums in half precision", device(32, unit(16, 16, 16, "f16", "f16"))],
    ["operands of another type", device(32, unit(8, 8, 8, "f32"))],
    ["subgroups that differ in size", device(undefined, unit(16, 16, 16))],
    ["sums longer than a step", device(32, unit(16, 16, 64))],
    ["more subgroups than parts", device(8, unit(16, 16, 16))],
  ])("with %s", (_, traits) => {
    expect(matrixUnit("f16", traits)).toBeUndefined();
  });
});

it("a product takes the unit of its type first, with few rows or from int8 none", () => {
  const traits = device(32, unit(16, 16, 16));
  const variant = (rows: number, dtype: "f16" | "f32", weight: "f16" | "f32" | "i8" = dtype) => {
    const inputs = { a: { dtype, shape: [rows, 64] }, b: { dtype: weight, shape: [64, 128] } };
    return matmul.launch(inputs, {}, traits).variant;
  };
  expect([variant(64, "f16"), variant(64, "f32"), variant(4, "f16")]).toEqual([
    "subgroupMatrixTile",
    "sharedTile",
    "gemv",
  ]);
  expect(variant(64, "f32", "i8")).toBe("sharedTile");
});
