// WebGPU in Node: Dawn, from npm's `webgpu`. Loaded where the runtime brings no WebGPU.

/** What to do where there is no WebGPU. */
export const HOW =
  "Browsers: use a recent Chrome, Edge, Safari or Firefox, and see chrome://gpu. Node: `npm install webgpu` and a " +
  "Vulkan, Metal or D3D12 driver. Deno: run with --unstable-webgpu.";

// Dawn's GPU object must outlive every adapter and device made from it: dropping it ends the process with a crash.
let dawn: Promise<GPU | undefined> | undefined;

/** Dawn; undefined in runtimes other than Node, or where the package is not installed. */
export function loadDawn(toggles: readonly string[] = []): Promise<GPU | undefined> {
  if (typeof process === "undefined" || !process.versions?.node) return Promise.resolve(undefined);
  dawn ??= import("webgpu").then(
    // Timestamps are rounded to 65.5 us unless told not to.
    ({ create }) => create(["disable-dawn-features=timestamp_quantization", ...toggles]),
    () => undefined,
  );
  return dawn;
}

/** Of a nap, and of other work in a turn, in milliseconds. */
const [MOST_MS, BUSY_MS] = [1, 0.2];
/** A nap is at most this share of the time waited, and so is what it can add to it. */
const SHARE = 1 / 16;

const cell = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;
let isTurning = false;
let awaitedSince = 0;
let napEnd = 0;

/**
 * The promise, of something that the GPU does; turns of the event loop are rare until it settles. Dawn asks for news in
 * every turn while it owes a result (dawn: src/dawn/node/binding/AsyncRunner.cpp), which keeps a core busy: power lost
 * beside a GPU, and on a machine of two cores half of what an adapter on the CPU computes with. So turns in which
 * nothing else happens end with a nap.
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
  if (now - napEnd < BUSY_MS) Atomics.wait(cell, 0, 0, Math.min(MOST_MS, (now - awaitedSince) * SHARE));
  napEnd = performance.now();
  setImmediate(turn);
}
