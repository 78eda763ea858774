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
  const expected = golden.get(`${size.height}x${size.width}.last_hidden_state`) as NdArray;
  using model = await Dino.fromPretrained(folder, { device });
  const { cls, patches } = await model.encodeImage(PHOTO);
  const C = expected.shape[2] as number;
  expect(cosine(cls.data, expected.data.subarray(0, C))).toBeGreaterThanOrEqual(0.9999);
  expect(
    cosine(patches.data, expected.data.subarray(expected.data.length - patches.data.length)),
  ).toBeGreaterThanOrEqual(0.9999);
});

it("q8 gives nearly the same", async () => {
  using small = await Dino.fromPretrained("checkpoints/tiny-dino", { device, dtype: "q8" });
  const [ours, expected] = [await small.encodeImage(PHOTO), await dino.encodeImage(PHOTO)];
  expect(cosine(ours.cls.data, expected.cls.data)).toBeGreaterThanOrEqual(0.995);
  expect(cosine(ours.patches.data, expected.patches.data)).toBeGreaterThanOrEqual(0.995);
});

it("gives features without rows of no picture", async () => {
  const { cls, patches, layers, attention } = await dino.encodeImage([], { layers: [-1], attention: true });
  const one = await dino.encodeImage(PHOTO, { layers: [-1], attention: true });
  expect(cls).toEqual({ data: new Float32Array(), shape: [0, one.cls.shape[1]] });
  expect(patches.shape).toEqual([0, ...one.patches.shape.slice(1)]);
  expect(layers?.[0]?.cls.shape).toEqual(cls.shape);
  expect(attention?.shape[0]).toBe(0);
  using kept = await dino.encodeImage([], { keepOnGpu: true });
  expect(await kept.cls.read()).toEqual(cls);
});

describe("refuses, and leaves nothing behind", () => {
  it.each([
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

describe("a ResNet", () => {
  const folder = "test/golden/small-dino-resnet";

  it("gives a pooled feature and a map from a photo, as PyTorch does", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    using model = await Dino.fromPretrained(folder, { device });
    const { pooled, map, cls, patches, grid } = await model.encodeImage(PHOTO);
    expect([pooled?.shape, map?.shape, grid]).toEqual([
      [1, 128],
      [1, 4, 128],
      [2, 2],
    ]);
    expect([cls, patches]).toEqual([pooled, map]);
    const expected = golden.get("64x64.pooler_output")?.data ?? [];
    expect(cosine(pooled?.data ?? [], expected)).toBeGreaterThanOrEqual(0.9999);
  });

  it("takes any size, and refuses what only a ViT has", async () => {
    using model = await Dino.fromPretrained(folder, { device });
    expect((await model.encodeImage(PHOTO, { size: [65, 97] })).grid).toEqual([3, 4]);
    await expect(model.encodeImage(PHOTO, { attention: true })).rejects.toThrow(/ResNet has no attention/);
    await expect(model.encodeImage(PHOTO, { layers: [-1] })).rejects.toThrow(/ResNet has no attention/);
  });
});

describe("pictures of unusual shape", () => {
  const picture = (width: number, height: number) => ({
    width,
    height,
    channels: 3 as const,
    data: new Uint8Array(width * height * 3).fill(100),
  });

  it("one pixel, and a panorama of 1:20", async () => {
    const one = await dino.encodeImage(picture(1, 1));
    expect(one.cls.data.every(Number.isFinite)).toBe(true);
    const wide = await dino.encodeImage(picture(640, 32), { size: 16 });
    expect(wide.grid).toEqual([2, 40]);
    expect(wide.patches.data.every(Number.isFinite)).toBe(true);
  });

  it("too many patches for one binding: an error with the numbers, before anything is allocated", async () => {
    const before = device.memory.bytes;
    const peak = device.memory.peakBytes;
    const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    if (3 * 4096 * 4096 * 4 > limit) {
      await expect(dino.encodeImage(PHOTO, { size: [4096, 4096] })).rejects.toThrow(/needs [\d.]+ MiB.*binds at most/);
      expect([device.memory.bytes, device.memory.peakBytes]).toEqual([before, peak]);
    } else {
      console.log(`this adapter binds ${limit} bytes: 4096 x 4096 fits, and would take hours`);
      await expect(dino.encodeImage(PHOTO, { size: [4096, 8192] })).rejects.toThrow(/size is \[4096,8192\]/);
    }
  });
});
