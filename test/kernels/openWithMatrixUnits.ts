// A device with matrix units where the adapter has any: Dawn gives them with its switch for unsafe APIs alone. Of the
// adapters that need no GPU, lavapipe of Mesa 26 has some.

import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { TOGGLES } from "../adapters.ts";

let device: Promise<Device> | undefined;

/** The same device in every call. */
export function openWithMatrixUnits(): Promise<Device> {
  device ??= openDevice({ toggles: [...TOGGLES, "enable-dawn-features=allow_unsafe_apis"] });
  return device;
}
