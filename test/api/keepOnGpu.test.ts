// Results that stay on the GPU, and models on a device of the caller's: the same numbers as on the host, and every byte
// given back.
import { beforeAll, describe, expect, it } from "vitest";
import { Clip, type Device, Dino, type GpuTensor, Sam } from "../../src/index.ts";
import { testDevice } from "../adapters.ts";

const CAT = "demos/photos/chelsea.png";
const COFFEE = "demos/photos/coffee.png";

/** The models get its GPUDevice and wrap it themselves. */
let callersDevice: Device;

beforeAll(async () => {
  callersDevice = await testDevice();
});

/** The largest difference to what came to the host. */
async function difference(tensor: GpuTensor, expected: ArrayLike<number>): Promise<number> {
  const { data } = await tensor.read();
  expect(data).toHaveLength(expected.length);
  return data.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))), 0);
}

const dtypes = ["f32", "f16"] as const;

describe.each(dtypes)("%s, on the caller's GPUDevice", (dtype) => {
  it("Clip.encodeImage", async (context) => {
    if (dtype === "f16" && !callersDevice.hasF16) return context.skip("this adapter has no shader-f16");
    const clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: callersDevice.gpu, dtype });
    const device = await clip.device();
    expect(device.gpu).toBe(callersDevice.gpu);
    const expected = (await clip.encodeImage([CAT, COFFEE])).data; // which makes the plan of two
    const before = device.memory.bytes;
    const kept = await clip.encodeImage([CAT, COFFEE], { keepOnGpu: true });
    expect([kept.dtype, kept.shape]).toEqual([dtype, [2, 128]]);
    expect(await difference(kept, expected)).toBe(0);
    expect(device.memory.bytes).toBeGreaterThan(before);
    kept.dispose();
    expect(device.memory.bytes).toBe(before);
    await expect(kept.read()).rejects.toThrow(/disposed/);
    await expect(clip.encodeImage([CAT, new Uint8Array(9)], { keepOnGpu: true })).rejects.toThrow(/cannot be decoded/);
    expect(device.memory.bytes).toBe(before);
    clip.dispose();
    expect(callersDevice.lost).toBeUndefined();
  });

  it("Dino.encodeImage", async (context) => {
    if (dtype === "f16" && !callersDevice.hasF16) return context.skip("this adapter has no shader-f16");
    using dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device: callersDevice.gpu, dtype });
    const device = await dino.device();
    const options = { size: [64, 96] } as const;
    const expected = await dino.encodeImage([CAT, COFFEE], options);
    await dino.encodeImage(CAT, options); // the plan of one picture
    const before = device.memory.bytes;
    const kept = await dino.encodeImage([CAT, COFFEE], { ...options, keepOnGpu: true });
    expect(kept.grid).toEqual(expected.grid);
    expect([kept.cls.shape, kept.patches.shape]).toEqual([expected.cls.shape, expected.patches.shape]);
    const most = dtype === "f32" ? 1e-5 : 1e-2; // two in one run there, one by one here
    expect(await difference(kept.cls, expected.cls.data)).toBeLessThanOrEqual(most);
    expect(await difference(kept.patches, expected.patches.data)).toBeLessThanOrEqual(most);
    kept.dispose();
    expect(device.memory.bytes).toBe(before);
    await expect(dino.encodeImage(CAT, { keepOnGpu: true, attention: true })).rejects.toThrow(/host only/);
  });

  it("SamScene.predict", async (context) => {
    if (dtype === "f16" && !callersDevice.hasF16) return context.skip("this adapter has no shader-f16");
    using sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device: callersDevice.gpu, dtype });
    const device = await sam.device();
    using scene = await sam.encodeImage(CAT);
    const prompt = { points: [{ x: 200, y: 150 }] };
    const expected = await scene.predict({ ...prompt, returnLogits: true });
    (await scene.predict({ ...prompt, keepOnGpu: true })).dispose(); // which makes its plan
    const before = device.memory.bytes;
    const kept = await scene.predict({ ...prompt, keepOnGpu: true });
    expect(kept.logits.shape).toEqual([3, scene.height, scene.width]);
    const all = (name: "lowResLogits" | "logits") => expected.flatMap((mask) => [...(mask[name] ?? [])]);
    expect(
      await difference(
        kept.scores,
        expected.map(({ score }) => score),
      ),
    ).toBe(0);
    expect(await difference(kept.lowResLogits, all("lowResLogits"))).toBe(0);
    expect(await difference(kept.logits, all("logits"))).toBe(0);
    kept.dispose();
    expect(device.memory.bytes).toBe(before);
  });

  it("leaves the device as it was", () => {
    expect(callersDevice.lost).toBeUndefined();
    expect(() => callersDevice.check()).not.toThrow();
  });
});

it("a list of 16 pictures takes a submit for each batch, not for each picture", async () => {
  using clip = await Clip.fromPretrained("test/golden/small-clip", { device: callersDevice.gpu });
  const list = Array.from({ length: 16 }, (_, i) => (i % 2 ? CAT : COFFEE));
  const { submit } = callersDevice.gpu.queue;
  let submits = 0;
  callersDevice.gpu.queue.submit = (buffers) => {
    submits++;
    return submit.call(callersDevice.gpu.queue, buffers);
  };
  try {
    using kept = await clip.encodeImage(list, { keepOnGpu: true });
    expect(submits).toBe(2);
    expect(await difference(kept, (await clip.encodeImage(list)).data)).toBe(0);
  } finally {
    callersDevice.gpu.queue.submit = submit;
  }
});

it("three models at once share what is kept of a device", async () => {
  const models = await Promise.all([
    Clip.fromPretrained("checkpoints/tiny-clip", { device: callersDevice.gpu }),
    Dino.fromPretrained("checkpoints/tiny-dino", { device: callersDevice.gpu }),
    Sam.fromPretrained("checkpoints/tiny-sam", { device: callersDevice.gpu }),
  ]);
  const devices = await Promise.all(models.map((model) => model.device()));
  expect(new Set(devices).size).toBe(1);
  for (const model of models) model.dispose();
});
