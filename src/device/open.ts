// Opens a device in a browser, in Node (Dawn, npm `webgpu`) and in Deno: the best adapter there is, with its own limits
// and the features that kernels can use.
import { describeAdapter } from "./adapter.ts";
import { Device } from "./device.ts";
import { AdapterError, ArgumentError } from "./errors.ts";

/** Options of `openDevice`. */
export interface DeviceOptions {
  /** "high-performance" (default) or "low-power", where a machine has two GPUs. */
  powerPreference?: "low-power" | "high-performance";
  /** Ask for WebGPU's default limits and no optional feature, whatever the adapter offers: to test portability. */
  defaultLimits?: boolean;
  /** Most bytes that the engine may hold on the GPU: what needs more is a LimitError before anything is allocated. */
  memoryBudget?: number | undefined;
  /** A device that the caller opened; it is used as it is and never destroyed. */
  gpu?: GPUDevice;
  /** Dawn toggles for Node, such as `enable-dawn-features=dump_shaders`. */
  toggles?: readonly string[];
}

/** A feature of Dawn and Chromium behind their switches for unsafe APIs. */
const MATRIX_UNITS = "chromium-experimental-subgroup-matrix";

const FEATURES = [
  "shader-f16",
  "subgroups",
  "subgroup-size-control",
  "timestamp-query",
  MATRIX_UNITS,
] as readonly GPUFeatureName[];

const LIMITS = [
  "maxTextureDimension2D",
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/**
 * Opens a device.
 *
 * @example
 * using device = await openDevice();
 * console.log(device.info.description);
 * @throws AdapterError when there is no WebGPU or no adapter.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const { memoryBudget } = options;
  if (memoryBudget !== undefined && !(memoryBudget >= 0)) {
    throw new ArgumentError(`memoryBudget is ${memoryBudget}, expected a number of bytes`);
  }
  const device = await open(options);
  device.memoryBudget = memoryBudget;
  return device;
}

async function open(options: DeviceOptions): Promise<Device> {
  const dawn = globalThis.navigator?.gpu ? undefined : await import("./dawn.ts");
  if (options.gpu) return Device.from(options.gpu, dawn?.restWhile);
  const gpu = await asked("WebGPU does not start", () => (dawn ? dawn.loadDawn(options.toggles) : navigator.gpu));
  if (!gpu) throw new AdapterError(`there is no WebGPU here. ${dawn?.HOW}`);
  const { powerPreference = "high-performance" } = options;
  const adapter = await asked("WebGPU gave no adapter", () => gpu.requestAdapter({ powerPreference }));
  if (!adapter) throw new AdapterError(`WebGPU found no adapter. ${dawn?.HOW ?? "See chrome://gpu"}`);
  const requiredLimits: Record<string, number> = {};
  if (!options.defaultLimits) for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name) && !options.defaultLimits);
  const gpuDevice = await asked("the adapter gave no device", () => {
    return adapter.requestDevice({ requiredFeatures, requiredLimits });
  });
  const device = new Device(gpuDevice, describeAdapter(adapter), true, dawn?.restWhile);
  if (gpuDevice.features.has(MATRIX_UNITS)) {
    try {
      const { usableUnits } = await import("./matrixUnits.ts");
      device.matrixUnits = await usableUnits(gpuDevice, device.info.matrixUnits);
    } catch (error) {
      device.destroy();
      throw error;
    }
  }
  return device;
}

/** What WebGPU gives; it rejects with its own errors where it is switched off, blocked or short of memory. */
async function asked<T>(what: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new AdapterError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
