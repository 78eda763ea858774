// A picture of 10,000 x 10,000 pixels, whose 400 MB few adapters bind at once: its upload and first resize go in bands
// there. The mask is that of the small picture.
import { expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
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

it("10,000 x 10,000 pixels: the mask of the small picture, and nothing left on the GPU", async () => {
  const device = await testDevice();
  void device.zero; // kept for the life of the device
  const isBound = SIDE * SIDE * 4 <= device.limits.maxStorageBufferBindingSize;
  const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
  const [large, small] = [await maskOf(sam, SIDE), await maskOf(sam, 1000)];
  let same = 0;
  for (let y = 0; y < 1000; y++) {
    for (let x = 0; x < 1000; x++) same += Number(large[(y * SIDE + x) * 10 + 5 * SIDE + 5] === small[y * 1000 + x]);
  }
  expect(same / 1e6).toBeGreaterThan(0.99);
  console.log(isBound ? "the adapter binds it at once" : "uploaded and resized in bands");
  sam.dispose();
  expect(device.memory.bytes).toBe(device.zero.size);
});
