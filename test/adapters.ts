// The device that tests share.
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";

let device: Promise<Device> | undefined;

export function testDevice(): Promise<Device> {
  device ??= openDevice();
  return device;
}
