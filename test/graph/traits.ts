// Devices as kernels see them, for plans that are made without a GPU.
import type { AdapterClass } from "../../src/device/adapter.ts";
import type { DeviceTraits } from "../../src/kernels/launch.ts";

const traits = (adapterClass: AdapterClass): DeviceTraits => ({
  info: { class: adapterClass },
  hasF16: true,
  hasSubgroups: true,
  limits: {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16 << 10,
    maxStorageBufferBindingSize: 128 << 20,
  },
});

export const GPU = traits("nvidia");
export const CPU = traits("cpu-lavapipe");
