// The public names of webgpu-vision.
export type { AdapterClass, AdapterInfo } from "./device/adapter.ts";
export { Device } from "./device/device.ts";
export * from "./device/errors.ts";
export { type DeviceOptions, openDevice } from "./device/open.ts";
export type { DType, HostArray, NdArray, Shape, Spec, Tensor } from "./device/tensor.ts";
