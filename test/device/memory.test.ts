// What a device leaves behind: nothing on the heap for each readback, and nothing of itself once it is gone.
import { setTimeout as later } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type Device, USAGE } from "../../src/device/device.ts";
import { DeviceLostError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";

setFlagsFromString("--expose_gc");
const collect: () => void = runInNewContext("gc");

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await later(20);
    collect();
  }
  return process.memoryUsage().heapUsed;
}

it("readbacks and waits leave nothing on the heap", async () => {
  using device = await openDevice();
  const tensor = device.upload({ dtype: "f32", shape: [4] }, new Float32Array(4));
  const repeat = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await device.read(tensor);
      await device.done();
    }
  };
  await repeat(300);
  const before = await heapBytes();
  await repeat(3000);
  // A waiter that stays takes 300 bytes or more.
  expect(((await heapBytes()) - before) / 3000).toBeLessThan(100);
});

describe("a device that is gone", () => {
  it.each<[string, (device: Device) => void]>([
    ["destroyed", (device) => device.destroy()],
    ["lost", (device) => device.gpu.destroy()],
  ])("%s: is collected, for the runtime has no listener of it any more", async (_, end) => {
    const open = async () => {
      const device = await openDevice();
      end(device);
      await device.gpu.lost;
      return [new WeakRef(device), new WeakRef(device.gpu)];
    };
    const refs = (await Promise.all(Array.from({ length: 4 }, open))).flat();
    await heapBytes();
    expect(refs.filter((ref) => ref.deref())).toEqual([]);
  });

  it("rejects what waits for it", async () => {
    const device = await openDevice();
    const tensor = device.createTensor({ dtype: "f32", shape: [4] });
    const waiting = [device.read(tensor), device.done()];
    device.gpu.destroy();
    for (const outcome of await Promise.allSettled(waiting)) {
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(DeviceLostError);
    }
    await device.gpu.lost;
    await expect(device.done()).rejects.toThrow(DeviceLostError);
    expect(await device.whenLost()).toBe(device.lost);
  });

  it.each([0, 1, 2, 3])("ends a read, also %i turns of promises after its buffer was mapped", async (turns) => {
    const device = await openDevice();
    const staging = device.createBuffer(16, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
    const mapAsync = staging.mapAsync.bind(staging);
    staging.mapAsync = (mode) => {
      const mapped = mapAsync(mode);
      let turn: Promise<undefined> = mapped;
      for (let i = 0; i < turns; i++) turn = turn.then();
      turn.then(() => device.gpu.destroy());
      return mapped;
    };
    const ended = await device.mapRead(staging, (mapped) => mapped.slice(0)).catch((error) => error);
    if (ended instanceof ArrayBuffer) expect(ended.byteLength).toBe(16);
    else expect(ended).toBeInstanceOf(DeviceLostError);
  });
});

it("unmaps a buffer whose bytes found no memory", async () => {
  using device = await openDevice();
  const staging = device.createBuffer(16, USAGE.MAP_READ | USAGE.COPY_DST, "readback");
  const copy = () => {
    throw new RangeError("Array buffer allocation failed");
  };
  await expect(device.mapRead(staging, copy)).rejects.toThrow("allocation failed");
  expect(staging.mapState).toBe("unmapped");
  expect((await device.mapRead(staging, (mapped) => mapped.slice(0))).byteLength).toBe(16);
});
