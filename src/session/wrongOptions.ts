// What is said of options that a session cannot take; a page loads it with the first of them.
import type { Device } from "../device/device.ts";
import { AdapterError, ArgumentError } from "../device/errors.ts";

/** Of a type that there is not; else of a budget for a device that has its own. */
export function wrongOptions(dtypes: readonly string[], dtype: string): ArgumentError {
  if (!dtypes.includes(dtype)) {
    return new ArgumentError(`dtype is "${dtype}", expected "f32", "f16", "q8" or "auto"`);
  }
  return new ArgumentError("memoryBudget is of the device that is opened: give it to openDevice with your own");
}

export function noShaderF16({ info }: Device): AdapterError {
  return new AdapterError(`the adapter (${info.description}) has no shader-f16: use dtype "f32"`);
}
