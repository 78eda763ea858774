// Memory that runs out at any buffer: with a budget that grows from nothing, each call ends with a LimitError or the
// right result, and when all is disposed of no buffer is left.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { LimitError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import { Clip, Dino, Sam } from "../../src/index.ts";

const picture = { width: 90, height: 60, channels: 3 as const, data: new Uint8Array(90 * 60 * 3).map((_, i) => i * 7) };

let device: Device;
beforeAll(async () => {
  device = await openDevice();
  void device.zero; // the one buffer that a device keeps
});
afterAll(() => device.destroy());

/** A call on a model, and the numbers of its result. */
type Call = () => Promise<ArrayLike<number>>;

const MODELS: Readonly<Record<string, () => Promise<{ calls: readonly Call[]; dispose(): void }>>> = {
  Clip: async () => {
    const clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
    const kept = async () => {
      using tensor = await clip.encodeImage([picture, picture, picture], { keepOnGpu: true });
      return (await tensor.read()).data;
    };
    const text = async () => (await clip.encodeText(["a cat", "a ship"])).data;
    return { calls: [kept, text], dispose: () => clip.dispose() };
  },
  Dino: async () => {
    const dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
    const list = async () => (await dino.encodeImage([picture, picture], { size: [32, 64] })).cls.data;
    const kept = async () => {
      using features = await dino.encodeImage(picture, { size: [40, 40], keepOnGpu: true });
      return (await features.patches.read()).data;
    };
    return { calls: [list, kept], dispose: () => dino.dispose() };
  },
  Sam: async () => {
    const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
    const points = [{ x: 20, y: 20 }];
    const masks = async () => {
      using scene = await sam.encodeImage(picture);
      const [mask] = await scene.predict({ points });
      using kept = await scene.predict({ points, keepOnGpu: true });
      return [...(mask?.lowResLogits ?? []), ...(await kept.scores.read()).data];
    };
    return { calls: [masks], dispose: () => sam.dispose() };
  },
};

/** Budgets that are tried of each call: each lets it get a little further. */
const STEPS = process.env.TRUST === "all" ? 200 : 5;

it.each(Object.entries(MODELS))("%s", { timeout: 3_600_000 }, async (name, load) => {
  device.memoryBudget = undefined;
  const before = device.memory.buffers;
  const first = await load();
  const expected = [];
  for (const call of first.calls) expected.push(Array.from(await call()));
  first.dispose();
  expect(device.memory.buffers).toBe(before);
  const most = device.memory.peakBytes;
  const counts = { right: 0, told: 0 };
  let longestMs = 0;
  for (let step = 0; step <= STEPS; step++) {
    device.memoryBudget = undefined;
    const model = await load();
    const held = device.memory.bytes;
    for (const [i, call] of model.calls.entries()) {
      device.memoryBudget = held + Math.round(((most - held) * step ** 2) / STEPS ** 2);
      const began = performance.now();
      const result = await call().catch((error: unknown) => error);
      longestMs = Math.max(longestMs, performance.now() - began);
      counts[result instanceof LimitError ? "told" : "right"]++;
      if (!(result instanceof LimitError)) expect(Array.from(result as ArrayLike<number>)).toEqual(expected[i]);
    }
    model.dispose();
    // A plan that was on its way when another of its call failed goes as soon as it is made.
    await vi.waitFor(() => expect(device.memory.buffers, `${name}, step ${step}`).toBe(before), 10_000);
  }
  const ended = `${counts.right} right, ${counts.told} told, ${longestMs.toFixed(0)} ms at most`;
  console.log(`a memoryBudget that grows, ${name}: ${ended}`);
  expect(counts.right).toBeGreaterThan(0);
  expect(counts.told).toBeGreaterThan(0);
});
