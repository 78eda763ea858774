// WebGPU in Node: Dawn, from npm's `webgpu`. Loaded where the runtime brings no WebGPU.

/** What to do where there is no WebGPU, or no adapter. */
export let HOW =
  "Browsers: use a recent Chrome, Edge, Safari or Firefox, on a page from https or localhost, and see chrome://gpu. " +
  "Deno: run with --unstable-webgpu.";

// Dawn's GPU object must outlive every adapter and device made from it: dropping it ends the process with a crash.
let dawn: Promise<GPU | undefined> | undefined;

/**
 * Dawn; undefined in runtimes other than Node.
 *
 * @throws AdapterError where the package is not installed or does not load, or WEBGPU_VISION_ADAPTER asks for what is
 * not there; the next call tries again.
 */
export function loadDawn(toggles: readonly string[] = []): Promise<GPU | undefined> {
  // Pages are built without what stands in here.
  if (typeof process !== "undefined" && process.versions?.node) {
    dawn ??= import("./nodeAdapter.ts")
      .then(async ({ prepareAdapter, withoutPackage }) => {
        HOW = await prepareAdapter();
        const { create } = await import("webgpu").catch((cause) => {
          throw withoutPackage(cause);
        });
        // Timestamps are rounded to 65.5 us unless told not to.
        return create(joinedFlags(["disable-dawn-features=timestamp_quantization", ...toggles]));
      })
      .catch((error) => {
        dawn = undefined;
        throw error;
      });
  }
  return dawn ?? Promise.resolve(undefined);
}

/** Flags of one name as one: of two Dawn would take the first. */
export function joinedFlags(flags: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const flag of flags) {
    const [name = "", value] = flag.split("=");
    const before = byName.get(name);
    byName.set(name, before === undefined ? flag : `${before},${value}`);
  }
  return [...byName.values()];
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
