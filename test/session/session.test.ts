// A session's device and plans: an adapter that is away for a while, plans in use that stay, what is kept of others.
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Dino } from "../../src/api/dino.ts";
import { Device } from "../../src/device/device.ts";
import { AdapterError, ArgumentError, DisposedError, KernelError, LimitError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import * as ops from "../../src/graph/ops.ts";
import { definePart } from "../../src/models/part.ts";
import { Session } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";

const CHECKPOINT = { name: "none", tensors: new Map(), metadata: new Map(), close: async () => {} };
const open = (device?: Device | GPUDevice) => Session.open(CHECKPOINT as never, {}, device && { device });

/** A plan without weights, of three times `length` floats: its input, its result, and a readback buffer. */
const doubled = definePart({
  name: "doubled",
  inputs: ({ length }: { length: number }) => ({ x: { dtype: "f32", shape: [length] } }),
  record: ({ x }) => ({ y: ops.binary({ a: x, b: x }, { op: "add" }) }),
});

const run = (session: Session, length: number) => {
  return session.use([doubled({ length })], (executor) => executor.run({ x: new Float32Array(length).fill(2) }));
};

let device: Device;
beforeAll(async () => {
  device = await testDevice();
});
afterEach(() => vi.unstubAllGlobals());

it("asks for an adapter again when it was away once, and opens one device for calls that come at once", async () => {
  const { create } = await import("webgpu");
  const gpu = create([]);
  let isAway = false;
  const requestAdapter = vi.fn(async () => (isAway ? null : gpu.requestAdapter()));
  vi.stubGlobal("navigator", { gpu: { requestAdapter } });
  const session = await open();
  const { gpu: first } = await session.device();
  first.destroy();
  await first.lost;
  isAway = true;
  await expect(run(session, 4)).rejects.toThrow(AdapterError);
  isAway = false;
  requestAdapter.mockClear();
  const results = await Promise.all([run(session, 4), run(session, 8)]);
  expect(results.map(({ y }) => y?.data[3])).toEqual([4, 4]);
  expect(requestAdapter).toHaveBeenCalledTimes(1);
  session.dispose();
});

it("leaves no device open that came after its dispose", async () => {
  const session = await open();
  (await session.device()).destroy();
  const destroy = vi.spyOn(Device.prototype, "destroy");
  const reopening = session.device().catch((error: unknown) => error);
  session.dispose();
  expect(await reopening).toBeInstanceOf(DisposedError);
  expect(destroy).toHaveBeenCalled();
  destroy.mockRestore();
});

it("leaves no device open that came after its opening was aborted", async () => {
  const destroy = vi.spyOn(Device.prototype, "destroy");
  const stop = new AbortController();
  const opening = Session.open(CHECKPOINT as never, {}, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(opening).rejects.toThrow("enough");
  await vi.waitFor(() => expect(destroy).toHaveBeenCalledTimes(1));
  destroy.mockRestore();
});

describe("memoryBudget", () => {
  const picture = { width: 64, height: 64, channels: 3 as const, data: new Uint8Array(64 * 64 * 3) };
  const DINO = "checkpoints/tiny-dino";

  it("is an error that says need and budget, before anything is allocated", async () => {
    const small = await openDevice({ memoryBudget: 1 << 20 });
    const loading = Dino.fromPretrained(DINO, { device: small });
    await expect(loading).rejects.toThrow(LimitError);
    await expect(loading).rejects.toThrow(
      /^the weights of .* MiB and the 0.0 MiB in use are more than the memoryBudget of 1.0 MiB/,
    );
    expect(small.memory.peakBytes).toBe(0);
    small.destroy();
  });

  it("holds for runs too, after which smaller ones go on", async () => {
    const model = await Dino.fromPretrained(DINO, { memoryBudget: 12 << 20 });
    const { memory } = await model.device();
    const { cls } = await model.encodeImage(picture, { size: 64 });
    await expect(model.encodeImage(picture, { size: 1024 })).rejects.toThrow(LimitError);
    expect((await model.encodeImage(picture, { size: 64 })).cls.data).toEqual(cls.data);
    expect(memory.peakBytes).toBeLessThanOrEqual(12 << 20);
    model.dispose();
  });

  it("is a number, and not for a device that is there", async () => {
    await expect(openDevice({ memoryBudget: Number.NaN })).rejects.toThrow(ArgumentError);
    await expect(Dino.fromPretrained(DINO, { device, memoryBudget: 1 })).rejects.toThrow(/give it to openDevice/);
  });
});

describe("plans without weights", () => {
  it("are kept within 64 MiB, readback buffers among them, whatever sizes were asked for", async () => {
    const session = await open(device);
    const before = device.memory.bytes;
    for (let i = 0; i < 12; i++) await run(session, (1 << 20) + 64 * i); // 12 MiB each
    const held = device.memory.bytes - before;
    expect(held).toBeLessThanOrEqual(64 << 20);
    expect(held).toBeGreaterThan(32 << 20);
    await run(session, 12 << 20); // 144 MiB, beyond what is kept
    expect(device.memory.bytes - before).toBeLessThanOrEqual(64 << 20);
    session.dispose();
    expect(device.memory.bytes).toBe(before);
  });

  it("stay while calls wait for them, however many at once", async () => {
    const session = await open(device);
    const results = await Promise.all(Array.from({ length: 80 }, (_, i) => run(session, 4 + i)));
    expect(results.every(({ y }) => y?.data.every((value) => value === 4))).toBe(true);
    session.dispose();
  });

  it("give the readback buffers of a burst back", async () => {
    const session = await open(device);
    await run(session, 1024);
    const { bytes } = device.memory;
    await Promise.all(Array.from({ length: 30 }, () => run(session, 1024)));
    expect(device.memory.bytes).toBe(bytes);
    session.dispose();
  });
});

describe("a device of the caller's", () => {
  it("has errors of others, which are not ours", async () => {
    const { gpu } = await openDevice();
    const told: string[] = [];
    gpu.addEventListener("uncapturederror", (event) => void told.push(event.error.message));
    const session = await open(gpu);
    gpu.createBuffer({ size: 16, usage: 0xfff_fff }); // another component's mistake
    expect((await run(session, 4)).y?.data[0]).toBe(4);
    await gpu.queue.onSubmittedWorkDone();
    (await session.device()).check();
    expect(told).toHaveLength(1);
    session.dispose();
    gpu.destroy();
  });

  it("has errors of ours, which calls throw", async () => {
    const { gpu } = await openDevice();
    const told: string[] = [];
    gpu.addEventListener("uncapturederror", (event) => void told.push(event.error.message));
    const device = Device.from(gpu);
    const { problem } = device.own(() => gpu.createBuffer({ size: 16, usage: 0xfff_fff }));
    expect(await problem).toBeInstanceOf(KernelError);
    device.check();
    expect(told).toEqual([]);
    gpu.destroy();
  });
});
