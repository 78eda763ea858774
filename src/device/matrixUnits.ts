// Whether this runtime compiles shaders/lib/matmulMatrixTile.wgsl. Matrix units are experimental in WebGPU, and their
// WGSL has changed before. Loaded only where a device has the feature.
import type { MatrixUnit } from "./adapter.ts";

/** Uses the newest syntax of that file: the order of elements as a template parameter. */
const CODE = `enable chromium_experimental_subgroup_matrix;
var<workgroup> c: array<f32, 64>;
@compute @workgroup_size(32) fn main() {
  subgroupMatrixStore<row_major>(&c, 0, subgroup_matrix_result<f32, 8, 8>(), 8);
}`;

/** The units that shaders may use: all or none. */
export async function usableUnits(gpu: GPUDevice, units: readonly MatrixUnit[]): Promise<readonly MatrixUnit[]> {
  gpu.pushErrorScope("validation");
  const { messages } = await gpu.createShaderModule({ code: CODE }).getCompilationInfo();
  await gpu.popErrorScope();
  return messages.some(({ type }) => type === "error") ? [] : units;
}
