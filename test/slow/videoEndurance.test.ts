// EdgeTAM through 200 frames: memory that does not grow, and no reads but the masks.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";

const FOLDER = "test/golden/small-edgetam";
const SIDE = 128;
const CLICK = { points: [{ x: 60, y: 50 }] };

/** A bright square that moves over a pattern. */
function frame(i: number): RawImage {
  const [left, top] = [20 + (i % 60), 40 + (i % 17)];
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % SIDE, Math.floor(at / 3 / SIDE)];
    const isInside = x >= left && x < left + 40 && y >= top && y < top + 40;
    return isInside ? 200 + (at % 3) * 20 : (x * 3 + y * 5) % 90;
  });
  return { width: SIDE, height: SIDE, channels: 3, data };
}

// Node's flag, which lets a test have all garbage collected before it looks.
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of JavaScript's objects that something still holds, and of the array buffers behind them. */
async function heldBytes(): Promise<{ readonly heap: number; readonly buffers: number }> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve)); // finalizers run
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}

// What may be added in 180 frames: code that Node compiles meanwhile and this test's own lists, a third of what a mask
// for each frame would be; and in array buffers one mask.
const [HEAP_SLACK, BUFFER_SLACK] = [1_000_000, SIDE * SIDE];

it("200 frames: GPU bytes stay the same from the 20th on, the heap is flat, and a frame is one read", async () => {
  const device = await testDevice();
  using segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device });
  using video = await segmenter.open(Array.from({ length: 201 }, (_, i) => frame(i)));
  await video.addPrompt(0, 1, CLICK);
  const probe = device.gpu.createBuffer({ size: 4, usage: 8 }); // Node has no global GPUBuffer
  const prototype = Object.getPrototypeOf(probe) as GPUBuffer;
  probe.destroy();
  const { mapAsync } = prototype;
  let maps = 0;
  prototype.mapAsync = function (...given) {
    maps++;
    return mapAsync.apply(this, given);
  };
  const bytes: number[] = [];
  const held = new Map<number, Awaited<ReturnType<typeof heldBytes>>>();
  try {
    for await (const { frame: at } of video.propagate({ from: 1 })) {
      bytes[at] = device.memory.bytes;
      if (at % 60 === 20) held.set(at, await heldBytes()); // 20, 80, 140, 200
    }
  } finally {
    prototype.mapAsync = mapAsync;
  }
  for (const [at, { heap, buffers }] of held) {
    console.log(`frame ${at}: ${bytes[at]} bytes on the GPU, ${heap} on the heap, ${buffers} of array buffers`);
  }
  console.log(`${maps} reads in 200 frames`);
  expect([...held.keys()]).toEqual([20, 80, 140, 200]);
  expect(new Set(bytes.slice(20)).size).toBe(1);
  expect(maps).toBe(200);
  const [first, last] = [held.get(20), held.get(200)];
  expect((last?.heap ?? Number.NaN) - (first?.heap ?? Number.NaN)).toBeLessThanOrEqual(HEAP_SLACK);
  expect((last?.buffers ?? Number.NaN) - (first?.buffers ?? Number.NaN)).toBeLessThanOrEqual(BUFFER_SLACK);
});
