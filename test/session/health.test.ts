// What `health` says of a model from its load to its dispose, over losses, failures and aborts.

import { afterEach, expect, it, vi } from "vitest";
import { create } from "webgpu";
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import { Sam } from "../../src/api/sam.ts";
import { AdapterError, LimitError, NotFoundError, NumericError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";

afterEach(() => vi.unstubAllGlobals());

const picture = { width: 50, height: 40, channels: 3, data: new Uint8Array(50 * 40 * 3).fill(99) } as const;

it("counts what the model holds, to the byte, and its calls", async () => {
  const device = await openDevice();
  using dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
  await dino.health(); // which is loaded when it is first asked for
  const call = dino.encodeImage(picture);
  expect(await dino.health()).toMatchObject({ state: "open", calls: 1 });
  await call;
  const { plans, weightBytes, planBytes, deviceBytes, ...rest } = await dino.health();
  expect(rest).toEqual({ state: "open", reopened: 0, calls: 0 });
  expect(plans).toBe(2); // the picture's preprocessing, and the tower
  expect(weightBytes).toBeGreaterThan(1e6);
  expect(planBytes).toBeGreaterThan(1e5);
  expect(deviceBytes).toBe(device.memory.bytes);
  expect(weightBytes + planBytes).toBe(device.memory.bytes - device.zero.size);
  device.destroy();
});

it("tells of a loss, and opens nothing by itself", async () => {
  using dino = await Dino.fromPretrained("checkpoints/tiny-dino");
  (await dino.device()).destroy();
  const nothing = { weightBytes: 0, planBytes: 0, deviceBytes: 0, plans: 0, calls: 0 };
  expect(await dino.health()).toEqual({ state: "lost", reopened: 0, ...nothing });
  await dino.encodeImage(picture);
  expect(await dino.health()).toMatchObject({ state: "open", reopened: 1 });
  dino.dispose();
  expect(await dino.health()).toEqual({ state: "disposed", reopened: 1, ...nothing });
});

it("says when a device is being opened, and when that failed", async () => {
  const gpu = create([]);
  let answer = () => gpu.requestAdapter();
  vi.stubGlobal("navigator", { gpu: { requestAdapter: () => answer() } });
  using dino = await Dino.fromPretrained("checkpoints/tiny-dino");
  (await dino.device()).destroy();
  let refuse = (_: null) => {};
  const asked = new Promise<void>((resolve) => {
    answer = () => {
      resolve();
      return new Promise<null>((none) => {
        refuse = none;
      });
    };
  });
  const call = dino.encodeImage(picture);
  await asked;
  expect(await dino.health()).toMatchObject({ state: "opening", calls: 1 });
  refuse(null);
  await expect(call).rejects.toThrow(AdapterError);
  expect(await dino.health()).toMatchObject({ state: "closed", calls: 0, lastError: { name: "AdapterError" } });
});

it("keeps the last failure of a run, but not what was aborted or asked wrongly", async () => {
  const device = await openDevice();
  using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
  const text = await clip.encodeText("a cat");
  const noNumbers = { ...text, data: text.data.map(() => Number.NaN) };
  await expect(clip.similarity(noNumbers, text)).rejects.toThrow(NumericError);
  const { lastError } = await clip.health();
  expect(lastError).toEqual({ name: "NumericError", message: expect.any(String) });
  const stop = new AbortController();
  const aborted = clip.encodeImage(picture, { signal: stop.signal });
  stop.abort();
  await expect(aborted).rejects.toThrow("aborted");
  await expect(clip.encodeImage("/no/such/picture.jpg")).rejects.toThrow(NotFoundError);
  expect((await clip.health()).lastError).toEqual(lastError);
  device.memoryBudget = device.memory.bytes + 20_000; // of the picture, but not of what it is brought to
  const stream = async () => {
    for await (const _ of clip.encodeImages([{ ...picture, width: 40, height: 50 }]));
  };
  await expect(stream()).rejects.toThrow(LimitError);
  expect(await clip.health()).toMatchObject({ lastError: { name: "LimitError" } });
  clip.dispose();
  device.destroy();
});

it("counts SAM's scenes with the device", async () => {
  using sam = await Sam.fromPretrained("checkpoints/tiny-sam");
  const { deviceBytes: before } = await sam.health();
  using scene = await sam.encodeImage(picture);
  const { deviceBytes, weightBytes, planBytes } = await sam.health();
  expect(deviceBytes).toBeGreaterThan(before);
  expect(deviceBytes).toBeGreaterThan(weightBytes + planBytes);
  scene.dispose();
});
