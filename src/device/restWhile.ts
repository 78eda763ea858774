// While Dawn in Node owes a result it asks the GPU for news in every turn of the event loop (dawn:
// src/dawn/node/binding/AsyncRunner.cpp), which keeps a core busy: power lost beside a GPU, and on a machine of two
// cores half of what an adapter on the CPU computes with. So turns in which nothing else happens end with a nap.

/** Of a nap, and of other work in a turn, in milliseconds. */
const [MOST_MS, BUSY_MS] = [1, 0.2];
/** A nap is at most this share of the time waited, and so is what it can add to it. */
const SHARE = 1 / 16;

let awaited = 0;
let isTurning = false;
let awaitedSince = 0;
let napEnd = 0;
let cell: Int32Array | undefined;

/** The promise, of something that the GPU does. Turns of Node's event loop are rare until it settles. */
export function restWhile<T>(promise: Promise<T>): Promise<T> {
  // Browsers and Deno bring WebGPU themselves and tell when it is done.
  if (typeof setImmediate !== "function" || globalThis.navigator?.gpu) return promise;
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
