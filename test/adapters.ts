// The device that tests share. As vitest's global setup this file says once a run which adapter it is.
import { probeAdapter } from "../src/cli/adapter.ts";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";

// SwiftShader compiles a store for each number of workgroup memory that starts as 0, a second for what GPUs' variants
// have: here it is made 0 by a loop. Tests in Chromium have it the other way.
export const TOGGLES =
  process.env.WEBGPU_VISION_ADAPTER === "swiftshader"
    ? ["disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension"]
    : [];

let device: Promise<Device> | undefined;

export function testDevice(): Promise<Device> {
  device ??= openDevice({ toggles: TOGGLES });
  return device;
}

/** Run by vitest before the first test. */
export function setup(): void {
  console.log(`adapter: ${probeAdapter() ?? "none, so every test on a GPU will fail"}`);
}
