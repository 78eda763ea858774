// A picture of 10,000 x 10,000 pixels: the right mask where the adapter binds its 400 MB at once, else an error with
// the numbers, and nothing left on the GPU either way.
import { expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import { LimitError } from "../../src/device/errors.ts";
import { testDevice } from "../adapters.ts";

const SIDE = 10_000;

/** A light disc on a dark ground. */
function disc(side: number): Uint8Array {
  const words = new Uint32Array(side * side).fill(0xff202020);
  const radius = side / 4;
  for (let y = -radius; y < radius; y++) {
    const half = Math.floor(Math.sqrt(radius * radius - y * y));
    const middle = (side / 2 + y) * side + side / 2;
    words.fill(0xffe0e0e0, middle - half, middle + half);
  }
  return new Uint8Array(words.buffer);
}

async function maskOf(sam: Sam, side: number): Promise<Uint8Array> {
  const scene = await sam.encodeImage({ width: side, height: side, channels: 4, data: disc(side) });
  try {
    const [mask] = await scene.predict({ points: [{ x: side / 2, y: side / 2 }], multimask: false });
    return mask?.mask ?? new Uint8Array();
  } finally {
    scene.dispose();
  }
}

it("10,000 x 10,000 pixels: the mask of the small picture, or a LimitError", async () => {
  const device = await testDevice();
  const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
  const before = device.memory.bytes;
  const isBound = SIDE * SIDE * 4 <= device.limits.maxStorageBufferBindingSize;
  if (!isBound) {
    await expect(maskOf(sam, SIDE)).rejects.toThrow(LimitError);
    await expect(maskOf(sam, SIDE)).rejects.toThrow(/381\.5 MiB/);
    expect(device.memory.bytes).toBe(before);
  } else {
    const [large, small] = [await maskOf(sam, SIDE), await maskOf(sam, 1000)];
    let same = 0;
    for (let y = 0; y < 1000; y++) {
      for (let x = 0; x < 1000; x++) same += Number(large[(y * SIDE + x) * 10 + 5 * SIDE + 5] === small[y * 1000 + x]);
    }
    expect(same / 1e6).toBeGreaterThan(0.99);
  }
  console.log(isBound ? "the adapter binds it at once" : "refused by this adapter's limits");
  sam.dispose();
});
