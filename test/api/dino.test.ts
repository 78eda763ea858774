// Dino through the public API: the shipped checkpoint, sizes, layers, attention, batches, and what it refuses.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dino } from "../../src/api/dino.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { testDevice } from "../adapters.ts";
import { cosine, readGolden } from "../models/parity.ts";

const PHOTO = "demos/photos/chelsea.png";
let device: Device;
let dino: Dino;
beforeAll(async () => {
  device = await testDevice();
  dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
});
afterAll(() => dino.dispose());

describe("the shipped checkpoint", () => {
  it("gives a class token, patches, a grid and attention", async () => {
    const { cls, patches, grid, attention } = await dino.encodeImage(PHOTO, { attention: true });
    expect([cls.shape, patches.shape, grid, attention?.shape]).toEqual([
      [1, 192],
      [1, 64, 192],
      [8, 8],
      [1, 3, 64],
    ]);
    for (let head = 0; head < 3; head++) {
      const sum = attention?.data.subarray(head * 64, (head + 1) * 64).reduce((a, b) => a + b, 0);
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThanOrEqual(1 + 1e-5);
    }
  });

  it("takes any size: the shortest edge in whole patches, or exactly a height and a width", async () => {
    const edge = await dino.encodeImage(PHOTO, { size: 100 }); // 451 x 300 gives 150.3 x 100
    expect(edge.grid).toEqual([13, 19]);
    const exact = await dino.encodeImage(PHOTO, { size: [64, 120] });
    expect([exact.grid, exact.patches.shape]).toEqual([
      [8, 15],
      [1, 120, 192],
    ]);
  });

  it("gives layers through the final norm: the last equals the result", async () => {
    const { cls, patches, layers } = await dino.encodeImage(PHOTO, { layers: [-1, 0] });
    expect(layers?.map(({ layer }) => layer)).toEqual([5, 0]);
    expect(layers?.[0]?.cls.data).toEqual(cls.data);
    expect(layers?.[0]?.patches.data).toEqual(patches.data);
    expect(layers?.[1]?.cls.data).not.toEqual(cls.data);
  });

  it("gives a batch what single calls give", async () => {
    const photos = [PHOTO, "demos/photos/coffee.png", "demos/photos/rocket.jpg"];
    const { cls } = await dino.encodeImage(photos);
    for (const [i, photo] of photos.entries()) {
      const alone = await dino.encodeImage(photo);
      expect(cosine(cls.data.subarray(i * 192, (i + 1) * 192), alone.cls.data)).toBeGreaterThan(0.999999);
    }
  });

  it("resizes positions by the original's rule when asked", async () => {
    const [ours, original] = [0, 0.1].map((interpolateOffset) =>
      dino.encodeImage(PHOTO, { size: 96, interpolateOffset }),
    );
    const similarity = cosine((await ours)?.cls.data ?? [], (await original)?.cls.data ?? []);
    expect(similarity).toBeGreaterThan(0.99);
    expect(similarity).toBeLessThan(1);
  });
});

it.each(["small-dino", "small-dinov2", "small-dinov2-registers", "small-dinov3"])("%s from the photo", async (name) => {
  const folder = `test/golden/${name}`;
  const { size } = JSON.parse(await readFile(`${folder}/preprocessor_config.json`, "utf8"));
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const wanted = golden.get(`${size.height}x${size.width}.last_hidden_state`) as NdArray;
  using model = await Dino.fromPretrained(folder, { device });
  const { cls, patches } = await model.encodeImage(PHOTO);
  const C = wanted.shape[2] as number;
  expect(cosine(cls.data, wanted.data.subarray(0, C))).toBeGreaterThanOrEqual(0.9999);
  expect(cosine(patches.data, wanted.data.subarray(wanted.data.length - patches.data.length))).toBeGreaterThanOrEqual(
    0.9999,
  );
});

describe("refuses, and leaves nothing behind", () => {
  it.each([
    ["an empty list", [], {}, /empty list/],
    ["a size below a patch", PHOTO, { size: 4 }, /size is 4, expected whole numbers from 8/],
    ["a layer that is not there", PHOTO, { layers: [6] }, /there is no layer 6: the model has 6/],
    ["pictures of several grids", [PHOTO, "demos/photos/astronaut.png"], { size: 64 }, /different sizes/],
  ])("%s", async (_, images, options, message) => {
    await expect(dino.encodeImage(images as string[], options)).rejects.toThrow(message);
  });

  it("a checkpoint of another family", async () => {
    const before = device.memory.bytes;
    await expect(Dino.fromPretrained("checkpoints/tiny-clip", { device })).rejects.toThrow(/Dino reads vit, dinov2/);
    expect(device.memory.bytes).toBe(before);
  });
});
