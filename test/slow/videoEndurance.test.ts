// EdgeTAM through 200 frames: memory that does not grow, and no reads but the masks.
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

it("200 frames: GPU bytes stay the same from the 20th on, the heap is flat, and a frame is one read", async () => {
  const device = await testDevice();
  using segmenter = await VideoSegmenter.fromPretrained(FOLDER, { device });
  using video = await segmenter.open(Array.from({ length: 200 }, (_, i) => frame(i)));
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
  const heap: number[] = [];
  try {
    for await (const { frame: at } of video.propagate({ from: 1 })) {
      bytes[at] = device.memory.bytes;
      globalThis.gc?.();
      heap[at] = process.memoryUsage().heapUsed;
    }
  } finally {
    prototype.mapAsync = mapAsync;
  }
  const megabytes = (n: number | undefined) => ((n ?? 0) / 1e6).toFixed(1);
  const median = (from: number) => [...heap.slice(from, from + 20)].sort((a, b) => a - b)[10] as number;
  console.log(
    `GPU bytes at frames 20 and 199: ${bytes[20]}, ${bytes[199]}; heap about frames 30 and 190: ` +
      `${megabytes(median(20))} and ${megabytes(median(180))} MB; ${maps} reads in 199 frames`,
  );
  expect(new Set(bytes.slice(20)).size).toBe(1);
  expect(maps).toBe(199);
  expect(median(180) - median(20)).toBeLessThan(20e6); // garbage of some frames, which is not collected at once
});
