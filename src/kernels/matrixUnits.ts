// Which matrix unit of a GPU takes a product, where the adapter has any.
import type { MatrixUnit } from "../device/adapter.ts";
import type { DType } from "../device/tensor.ts";
import type { DeviceTraits } from "./launch.ts";

/**
 * The unit for operands of this type with sums in f32, of a size that 256 threads fill a tile of 64x64 with: the parts
 * of each subgroup lie side by side.
 */
export function matrixUnit(type: DType, { matrixUnits = [], subgroupSize = 0 }: DeviceTraits): MatrixUnit | undefined {
  return matrixUnits.find(({ componentType, resultComponentType, M, N, K }) => {
    const parts = (16 * subgroupSize) / (M * N);
    const isWhole = parts >= 1 && (64 / N) % parts === 0 && 16 % K === 0; // steps along K are of 16 or 32
    return isWhole && componentType === type && resultComponentType === "f32";
  });
}

/** Constants of a shader that multiplies by that unit. */
export function unitTypes(type: DType, device: DeviceTraits) {
  const unit = matrixUnit(type, device);
  return {
    UNIT_M: `${unit?.M}u`,
    UNIT_N: `${unit?.N}u`,
    UNIT_K: `${unit?.K}u`,
    LANES: `${device.subgroupSize}u`,
  };
}
