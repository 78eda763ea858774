// The device that tests share. As vitest's global setup this file says once a run which adapter it is.
import { probeAdapter } from "../src/cli/adapter.ts";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";

let device: Promise<Device> | undefined;

export function testDevice(): Promise<Device> {
  device ??= openDevice();
  return device;
}

/** Run by vitest before the first test. */
export function setup(): void {
  console.log(`adapter: ${probeAdapter() ?? "none, so every test on a GPU will fail"}`);
}
