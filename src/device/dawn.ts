// WebGPU in Node: Dawn, from npm's `webgpu`. Loaded where the runtime brings no WebGPU.
import { AdapterError } from "./errors.ts";

/** What to do where there is no WebGPU, or no adapter. */
export let HOW =
  "Browsers: use a recent Chrome, Edge, Safari or Firefox, and see chrome://gpu. Deno: run with --unstable-webgpu.";

/** The same in Node, where Dawn is there and finds no driver. */
const DRIVERS: Readonly<Record<string, string>> = {
  linux:
    "No Vulkan driver works here. Debian and Ubuntu: `apt install mesa-vulkan-drivers`. Fedora: `dnf install " +
    "mesa-vulkan-drivers`. Arch: `pacman -S vulkan-icd-loader` with vulkan-radeon, vulkan-intel, nvidia-utils, or " +
    "vulkan-swrast for the CPU. Or from npm, for the CPU of Linux on x64: `npm install @sparticuz/chromium`, and " +
    "start with WEBGPU_VISION_ADAPTER=swiftshader.",
  win32: "There is no driver for Direct3D 12 or Vulkan: update that of the graphics card.",
  darwin: "There is no Metal here: it needs macOS 11 or later, and virtual machines may not have it.",
};

// Dawn's GPU object must outlive every adapter and device made from it: dropping it ends the process with a crash.
let dawn: Promise<GPU | undefined> | undefined;

/**
 * Dawn; undefined in runtimes other than Node.
 *
 * @throws AdapterError where the package is not installed or does not load, or WEBGPU_VISION_ADAPTER asks for what is
 * not there; the next call tries again.
 */
export function loadDawn(toggles: readonly string[] = []): Promise<GPU | undefined> {
  if (typeof process === "undefined" || !process.versions?.node) return Promise.resolve(undefined);
  dawn ??= createDawn(toggles).catch((error) => {
    dawn = undefined;
    throw error;
  });
  return dawn;
}

async function createDawn(toggles: readonly string[]): Promise<GPU> {
  HOW = DRIVERS[process.platform] ?? "There is no driver that Dawn can use.";
  if (typeof process !== "undefined") {
    const { useAskedAdapter } = await import("./swiftShader.ts"); // not part of what pages load
    HOW = (await useAskedAdapter()) ?? HOW;
  }
  const { create } = await import("webgpu").catch((cause) => {
    const isMissing = cause instanceof Error && "code" in cause && /MODULE_NOT_FOUND/.test(String(cause.code));
    const why = isMissing ? "install it: `npm install webgpu`" : `it does not load: ${cause.message}`;
    throw new AdapterError(`WebGPU comes to Node with the package webgpu; ${why}`, { cause });
  });
  // Timestamps are rounded to 65.5 us unless told not to.
  return create(["disable-dawn-features=timestamp_quantization", ...toggles]);
}

/** The longest nap, in milliseconds. */
const MOST_MS = 1;
/** A turn of the event loop in which other work took this many milliseconds ends without a nap. */
const BUSY_MS = 0.2;
/** A nap lasts at most this share of the time waited so far, so that it delays a result by no more than that. */
const SHARE = 1 / 16;

/** Made at the first nap: this file comes to pages without WebGPU too, for HOW, and most have no SharedArrayBuffer. */
let cell: Int32Array<SharedArrayBuffer> | undefined;
let awaited = 0;
let isTurning = false;
let awaitedSince = 0;
let napEnd = 0;

/**
 * Gives back the promise of work on the GPU, and slows the event loop down until it settles. While a result is pending
 * Dawn polls the GPU in every turn of the event loop (dawn: src/dawn/node/binding/AsyncRunner.cpp), which keeps a CPU
 * core busy. Beside a GPU that wastes power; on a machine of two cores it takes half of what a CPU adapter computes
 * with. So a turn in which nothing else happens ends with a nap.
 */
export function restWhile<T>(promise: Promise<T>): Promise<T> {
  awaited++;
  awaitedSince = performance.now();
  if (!isTurning) setImmediate(turn);
  isTurning = true;
  const settled = () => {
    awaited--;
  };
  promise.then(settled, settled);
  return promise;
}

function turn(): void {
  isTurning = awaited > 0;
  if (!isTurning) return;
  const now = performance.now();
  cell ??= new Int32Array(new SharedArrayBuffer(4));
  if (now - napEnd < BUSY_MS) Atomics.wait(cell, 0, 0, Math.min(MOST_MS, (now - awaitedSince) * SHARE));
  napEnd = performance.now();
  setImmediate(turn);
}
