// Clip through the public API: from photos against PyTorch, pictures of every kind, batches, labels and templates,
// other sizes, f16.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { testDevice } from "../adapters.ts";
import { cosine, readGolden, worstCosine } from "../models/parity.ts";

const PHOTOS = ["demos/photos/chelsea.png", "demos/photos/coffee.png"];
const PICTURES = "test/golden/pictures";

let device: Device;
let clip: Clip;
beforeAll(async () => {
  device = await testDevice();
  clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
});
afterAll(() => clip.dispose());

it.each(["small-clip", "small-clip-gelu"])("%s from the photos agrees with PyTorch", async (name) => {
  const golden = await readGolden(`test/golden/${name}/golden.safetensors`);
  using model = await Clip.fromPretrained(`test/golden/${name}`, { device });
  const embeds = await model.encodeImage(PHOTOS);
  expect(worstCosine(embeds, golden.get("image_embeds") as NdArray)).toBeGreaterThanOrEqual(0.9999);
  const unit = embeds.data.subarray(0, embeds.shape[1]).reduce((sum, x) => sum + x * x, 0);
  expect(unit).toBeCloseTo(1, 5);
});

it("the shipped checkpoint gives the texts PyTorch's embeddings", async () => {
  const expected = JSON.parse(await readFile("checkpoints/tiny-clip/expected.json", "utf8"));
  const { data, shape } = await clip.encodeText(expected.texts);
  expect(shape).toEqual([3, 128]);
  for (const [row, { first }] of expected.text_embeds.entries()) {
    first.forEach((value: number, i: number) => {
      expect(data[row * 128 + i]).toBeCloseTo(value, 4);
    });
  }
});

describe("pictures", () => {
  let small: Clip;
  beforeAll(async () => {
    small = await Clip.fromPretrained("test/golden/small-clip", { device });
  });
  afterAll(() => small.dispose());

  it("a batch gives what single calls give, in order and past the size of a run", async () => {
    const list = Array.from({ length: 9 }, (_, i) => PHOTOS[i % 2] as string);
    const { data, shape } = await small.encodeImage(list);
    expect(shape).toEqual([9, 40]);
    const alone = [await small.encodeImage(list[0] as string), await small.encodeImage(list[1] as string)];
    for (let i = 0; i < 9; i++) {
      expect(cosine(data.subarray(i * 40, (i + 1) * 40), alone[i % 2]?.data ?? [])).toBeGreaterThan(0.999999);
    }
  });

  it.each([2, 3, 4, 5, 6, 7, 8])("EXIF orientation %i is applied", async (orientation) => {
    const [turned, upright] = [`${PICTURES}/orientation${orientation}.jpg`, `${PICTURES}/expected.json`];
    const { width, height, rgb } = JSON.parse(await readFile(upright, "utf8"))[`orientation${orientation}.jpg`];
    const data = new Uint8Array(Buffer.from(rgb, "base64"));
    const raw = { width, height, channels: 3 as const, data };
    const [a, b] = [await small.encodeImage(turned), await small.encodeImage(raw)];
    expect(cosine(a.data, b.data)).toBeGreaterThan(0.999999);
  });

  it("grey ones equal their three equal colours; alpha is left out", async () => {
    const grey = await small.encodeImage(`${PICTURES}/grey.png`);
    expect(grey.shape).toEqual([1, 40]);
    const pixels = Uint8Array.from({ length: 16 * 16 * 4 }, (_, i) => (i * 37) % 256);
    const opaque = Uint8Array.from(pixels, (value, i) => (i % 4 === 3 ? 255 : value));
    const embed = (data: Uint8Array) => small.encodeImage({ width: 16, height: 16, channels: 4, data });
    expect((await embed(pixels)).data).toEqual((await embed(opaque)).data);
  });

  it.each([
    [1, 1],
    [3000, 2],
    [2, 700],
  ])("%i x %i pixels", async (width, height) => {
    const data = new Uint8Array(width * height * 3).fill(90);
    const { data: embeds } = await small.encodeImage({ width, height, channels: 3, data });
    expect(embeds.every(Number.isFinite)).toBe(true);
  });

  it("another size resizes the position embeddings", async () => {
    const [native, larger] = [
      await clip.encodeImage(PHOTOS[0] as string),
      await clip.encodeImage(PHOTOS[0] as string, { size: 96 }),
    ];
    expect(cosine(native.data, larger.data)).toBeGreaterThan(0.7);
    expect(cosine(native.data, larger.data)).toBeLessThan(0.9999);
    await expect(clip.encodeImage(PHOTOS[0] as string, { size: 4 })).rejects.toThrow(/size is 4/);
  });
});

describe("labels", () => {
  it("are ranked with probabilities that sum to 1", async () => {
    const scores = await clip.classify(PHOTOS[0] as string, ["cat", "automobile", "ship"]);
    expect(scores.map(({ label }) => label)).toContain("cat");
    expect(scores.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    expect(scores[0]?.score).toBeGreaterThanOrEqual(scores[1]?.score as number);
  });

  it("of several pictures come picture by picture", async () => {
    const both = await clip.classify(PHOTOS, ["cat", "automobile"]);
    expect(both).toHaveLength(2);
    expect(both[1]).toEqual(await clip.classify(PHOTOS[1] as string, ["cat", "automobile"]));
  });

  it("in several templates are averaged and of unit length", async () => {
    const [a, b] = [await clip.encodeLabels(["cat"], "a photo of a {}"), await clip.encodeLabels(["cat"], "a {}")];
    const both = await clip.encodeLabels(["cat"], ["a photo of a {}", "a {}"]);
    const sum = a.data.map((value, i) => value + (b.data[i] as number));
    expect(cosine(both.data, sum)).toBeGreaterThan(0.999999);
    expect(both.data.reduce((total, x) => total + x * x, 0)).toBeCloseTo(1, 5);
  });

  it("similarity is the scaled cosine, and refuses other widths", async () => {
    const [image, text] = [await clip.encodeImage(PHOTOS), await clip.encodeText(["a cat", "a car", "a ship"])];
    const { data, shape } = await clip.similarity(image, text);
    expect(shape).toEqual([2, 3]);
    const scale = (data[0] as number) / cosine(image.data.subarray(0, 128), text.data.subarray(0, 128));
    expect(data[5]).toBeCloseTo(scale * cosine(image.data.subarray(128), text.data.subarray(256)), 3);
    await expect(clip.similarity(image, { data: new Float32Array(7), shape: [1, 7] })).rejects.toThrow(/128 and 7/);
  });
});

it("concurrent calls are each consistent", async () => {
  const texts = ["a cat", "a ship", "a red automobile", "a photo of a bird in the sky"];
  const together = await Promise.all(texts.map((text) => clip.encodeText(text)));
  for (const [i, text] of texts.entries()) expect((await clip.encodeText(text)).data).toEqual(together[i]?.data);
});

it("q8 gives nearly the same from a quarter of the weights, and frees them", async () => {
  const [pictures, words, whole] = [
    await clip.encodeImage(PHOTOS),
    await clip.encodeText("a cat"),
    await clip.summary(),
  ];
  const before = device.memory.bytes;
  {
    using small = await Clip.fromPretrained("checkpoints/tiny-clip", { device, dtype: "q8" });
    const quarter = await small.summary();
    expect(quarter.weightBytes / whole.weightBytes).toBeLessThanOrEqual(0.3); // of a tiny model; real ones: models/
    expect(quarter.dispatches).toBe(whole.dispatches);
    expect(worstCosine(await small.encodeImage(PHOTOS), pictures)).toBeGreaterThanOrEqual(0.995);
    expect(worstCosine(await small.encodeText("a cat"), words)).toBeGreaterThanOrEqual(0.995);
  }
  expect(device.memory.bytes).toBe(before);
  const dtype = "q4" as "q8";
  await expect(Clip.fromPretrained("checkpoints/tiny-clip", { device, dtype })).rejects.toThrow(
    /"f32", "f16", "q8" or "auto"/,
  );
});

it("f16 gives nearly the same", async (context) => {
  if (!device.hasF16) return context.skip("this adapter has no shader-f16");
  using half = await Clip.fromPretrained("checkpoints/tiny-clip", { device, dtype: "f16" });
  expect(worstCosine(await half.encodeImage(PHOTOS), await clip.encodeImage(PHOTOS))).toBeGreaterThanOrEqual(0.999);
  expect(worstCosine(await half.encodeText("a cat"), await clip.encodeText("a cat"))).toBeGreaterThanOrEqual(0.999);
  const odd = { width: 65, height: 65, channels: 3 as const, data: new Uint8Array(65 * 65 * 3).fill(50) };
  expect((await half.encodeImage([odd, odd], { size: 65 })).shape).toEqual([2, 128]);
});

it("gives nothing of empty lists: no rows, of the width that others have", async () => {
  using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await testDevice() });
  const text = await clip.encodeText("a cat");
  const none = { data: new Float32Array(), shape: [0, text.shape[1] ?? 0] };
  expect(await clip.encodeImage([])).toEqual(none);
  expect(await clip.encodeText([])).toEqual(none);
  expect(await clip.similarity(none, text)).toEqual({ data: new Float32Array(), shape: [0, 1] });
  expect(await clip.classify([], ["a", "b"])).toEqual([]);
  for await (const _ of clip.encodeImages([])) expect.unreachable();
  const { hiddenStates, lastHiddenState } = await clip.encodeText([], { hiddenStates: [-1] });
  expect([hiddenStates[0]?.shape[0], lastHiddenState.shape[0]]).toEqual([0, 0]);
  expect((await clip.encodeImage([], { patches: true })).patches?.shape[0]).toBe(0);
  using kept = await clip.encodeImage([], { keepOnGpu: true });
  expect(await kept.read()).toEqual(none);
});
