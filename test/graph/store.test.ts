// Weights on the GPU: the values of the checkpoint in the type that is wanted, one copy for all plans, and nothing left
// behind by a load that fails, is cancelled or comes too late.
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { CheckpointError, DisposedError, LimitError } from "../../src/device/errors.ts";
import { fromHalfArray, toHalfArray } from "../../src/device/half.ts";
import type { Spec } from "../../src/device/tensor.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { staticKey } from "../../src/graph/statics.ts";
import { type StoredWeight, WeightStore } from "../../src/graph/store.ts";
import { testDevice } from "../adapters.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });
const f16 = (...shape: number[]): Spec => ({ dtype: "f16", shape });

type Encode = (values: number[]) => ArrayBufferView<ArrayBuffer>;

const ENCODE: Readonly<Record<string, Encode>> = {
  F32: (values) => Float32Array.from(values),
  F16: (values) => Uint16Array.from(toHalfArray(values)),
  // The upper half of a float.
  BF16: (values) => Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16),
  I64: (values) => BigInt64Array.from(values, BigInt),
};

/** A stored tensor that comes in chunks of `chunk` bytes; `each` is called before every chunk. */
function stored(
  name: string,
  values: number[],
  {
    shape = [values.length],
    dtype = "F32",
    chunk = 6,
    each = () => {},
  }: Partial<{
    shape: readonly number[];
    dtype: string;
    chunk: number;
    each: () => void;
  }> = {},
): StoredWeight {
  const { buffer } = (ENCODE[dtype] as Encode)(values);
  return {
    name,
    dtype,
    shape,
    byteLength: buffer.byteLength,
    async *stream() {
      for (let at = 0; at < buffer.byteLength; at += chunk) {
        each();
        yield new Uint8Array(buffer.slice(at, at + chunk));
      }
    },
  };
}

/** A store over a file of these tensors. */
function holding(...weights: StoredWeight[]): WeightStore {
  const tensors = new Map(weights.map((weight) => [weight.name, weight]));
  return new WeightStore(device, { name: "the test's file", tensors });
}

/** Exact in all float types. */
const counting = (count: number) => Array.from({ length: count }, (_, i) => i / 4 - 2);

let device: Device;
let before: { readonly bytes: number; readonly buffers: number };

beforeAll(async () => {
  device = await testDevice();
  void device.zero; // belongs to the device
  before = { bytes: device.memory.bytes, buffers: device.memory.buffers };
});

const expectNothingLeft = () => expect(device.memory).toMatchObject(before);

afterEach(expectNothingLeft);

async function read(store: WeightStore, value: Value): Promise<number[]> {
  const bytes = await device.read({ ...store.get(staticKey(value)), shape: value.shape });
  return [...(value.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes))];
}

describe("values", () => {
  const cases = ["F32", "F16", "BF16"].flatMap((dtype) => [
    { dtype, to: f32 },
    { dtype, to: f16 },
  ]);

  it.each(cases)("$dtype as $to.name, whatever the chunks, at odd lengths", async ({ dtype, to }) => {
    for (const [count, chunk] of [
      [1, 1],
      [7, 3],
      [64, 64],
    ] as const) {
      const graph = new Graph();
      const value = graph.weight("w", to(count));
      using store = holding(stored("w", counting(count), { dtype, chunk }));
      await store.load([value]);
      expect(await read(store, value)).toEqual(counting(count));
    }
  });

  it.each([
    ["f32", f32],
    ["f16", f16],
  ] as const)("some rows of a tensor, and all of them, in %s", async (_, spec) => {
    const graph = new Graph();
    const [head, tail, all] = [
      graph.weight("w", spec(1, 3), [0, 1]),
      graph.weight("w", spec(2, 3), [3, 5]),
      graph.weight("w", spec(5, 3)),
    ];
    const weight = stored("w", counting(15), { shape: [5, 3] });
    using store = holding(weight);
    await store.load([head, tail, all]);
    expect(await read(store, head)).toEqual(counting(15).slice(0, 3));
    expect(await read(store, tail)).toEqual(counting(15).slice(9));
    expect(await read(store, all)).toEqual(counting(15));
  });

  it("a tensor of several uploads, in order", async () => {
    const count = (20 << 20) / 4 + 3; // 8 MiB an upload
    const data = new Float32Array(count).map((_, i) => i);
    const weight: StoredWeight = {
      ...stored("w", [0]),
      shape: [count],
      byteLength: 4 * count,
      async *stream() {
        for (let at = 0; at < data.byteLength; at += 1 << 20)
          yield new Uint8Array(data.buffer).subarray(at, at + (1 << 20));
      },
    };
    const graph = new Graph();
    const value = graph.weight("w", f32(count));
    using store = holding(weight);
    await store.load([value]);
    expect(new Float32Array(await device.read(store.get(staticKey(value)))).every((x, i) => x === i)).toBe(true);
  });

  it("what is made of weights and constants, without what it was made from", async () => {
    const graph = new Graph();
    const packed = ops.transpose({ x: graph.reshape(graph.weight("w", f32(6)), [2, 3]) }, { padTo: 4 });
    const scaled = ops.binary({ a: packed, b: graph.constant(f32(1), Float32Array.of(2)) }, { op: "mul" });
    using store = holding(stored("w", [1, 2, 3, 4, 5, 6]));
    await store.load([scaled]);
    expect(await read(store, scaled)).toEqual([2, 8, 0, 0, 4, 10, 0, 0, 6, 12, 0, 0]);
    expect(device.memory.buffers).toBe(before.buffers + 1);
    expect(store.bytes).toBe(device.memory.bytes - before.bytes);
  });
});

describe("sharing", () => {
  it("plans that want the same tensor get one copy, read once", async () => {
    let chunks = 0;
    using store = holding(stored("w", counting(8), { shape: [2, 4], chunk: 32, each: () => chunks++ }));
    const values = [0, 1, 2].map(() => ops.transpose({ x: new Graph().weight("w", f32(2, 4)) }));
    await Promise.all(values.map((value) => store.load([value])));
    await store.load(values);
    expect(chunks).toBe(1);
    expect(device.memory.buffers).toBe(before.buffers + 1);
  });

  it("a later plan adds what is new and keeps what is there", async () => {
    const graph = new Graph();
    const raw = graph.weight("w", f32(2, 4));
    const turned = ops.transpose({ x: graph.weight("w", f32(2, 4)) });
    using store = holding(stored("w", counting(8), { shape: [2, 4] }));
    await store.load([raw]);
    const { buffer } = store.get(staticKey(raw));
    await store.load([raw, turned]);
    expect(store.get(staticKey(raw)).buffer).toBe(buffer);
    expect(await read(store, raw)).toEqual(counting(8));
    expect(await read(store, turned)).toEqual([0, 4, 1, 5, 2, 6, 3, 7].map((i) => counting(8)[i]));
  });
});

describe("failures leave nothing behind, and a later load works", () => {
  const graph = new Graph();
  const first = graph.weight("first", f32(4));
  const packed = ops.transpose({ x: graph.weight("second", f32(2, 4)) });
  const third = graph.weight("third", f32(4));
  const WANTED = [first, packed, third];
  const good = [
    stored("first", counting(4)),
    stored("second", counting(8), { shape: [2, 4] }),
    stored("third", counting(4)),
  ] as const;

  async function expectFailure(weights: readonly StoredWeight[], error: object, signal?: AbortSignal) {
    using store = holding(...weights);
    await expect(store.load(WANTED, signal)).rejects.toThrow(error as Error);
    expectNothingLeft();
    expect(() => store.get(staticKey(first))).toThrow(DisposedError);
  }

  it("a missing tensor is named", async () => {
    await expectFailure(good.slice(0, 2), new CheckpointError('the test\'s file has no tensor "third"'));
  });

  it("a tensor of another shape than the graph's", async () => {
    const weights = [good[0], stored("second", counting(9), { shape: [3, 3] }), good[2]];
    await expectFailure(weights, CheckpointError);
    await expectFailure(weights, /the test's file: tensor "second" has shape \[3, 3\], expected \[2, 4\]/);
  });

  it("rows beyond the tensor", async () => {
    using store = holding(stored("w", counting(6), { shape: [2, 3] }));
    const value = new Graph().weight("w", f32(2, 3), [1, 3]);
    await expect(store.load([value])).rejects.toThrow(/tensor "w" has shape \[2, 3\], which has no rows 1 to 3/);
  });

  it("whole numbers are no weights", async () => {
    const weights = [good[0], good[1], stored("third", [1, 2, 3, 4], { dtype: "I64" })];
    await expectFailure(weights, /tensor "third" has shape \[4\] of I64: weights must be F32, F16 or BF16/);
  });

  it("a file that ends early", async () => {
    const short = { ...good[2], byteLength: 16, stream: stored("third", counting(3)).stream };
    await expectFailure([good[0], good[1], short], /tensor "third" ended after 12 of its 16 bytes/);
  });

  it("a stream that breaks", async () => {
    const broken = stored("third", counting(4), {
      each: () => {
        throw new Error("the disk is gone");
      },
    });
    await expectFailure([good[0], good[1], broken], /the disk is gone/);
  });

  it.each([
    ["before", 0],
    ["within the first tensor", 2],
    ["when some is made already", 13],
  ])("an abort %s", async (_, chunks) => {
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    let seen = 0;
    const each = () => {
      if (++seen > chunks) controller.abort(reason);
    };
    if (chunks === 0) controller.abort(reason);
    const slow = good.map((weight, i) =>
      stored(weight.name, counting(i === 1 ? 8 : 4), { shape: weight.shape, chunk: 4, each }),
    );
    await expectFailure(slow, reason, controller.signal);
    using store = holding(...slow);
    await store.load(WANTED);
    expect(await read(store, third)).toEqual(counting(4));
  });

  it("a tensor beyond the largest binding is named, before it is read", async () => {
    const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    const rows = most / 16 + 1;
    const stream = vi.fn(good[0].stream);
    const huge: StoredWeight = { name: "huge.weight", dtype: "F32", shape: [rows, 4], byteLength: rows * 16, stream };
    using store = holding(huge);
    const load = store.load([new Graph().weight("huge.weight", f32(rows, 4))]);
    await expect(load).rejects.toThrow(LimitError);
    await expect(load).rejects.toThrow(`huge.weight [${rows}, 4] f32 needs`);
    expect(stream).not.toHaveBeenCalled();
  });

  it("a GPU without memory: LimitError", async () => {
    // What a driver answers, as no test may fill the memory of the machine.
    const popErrorScope = vi.spyOn(device.gpu, "popErrorScope");
    popErrorScope.mockResolvedValueOnce({ message: "VK_ERROR_OUT_OF_DEVICE_MEMORY" } as GPUOutOfMemoryError);
    await expectFailure(good, LimitError);
    popErrorScope.mockRestore();
    // The mock left one scope open.
    await device.gpu.popErrorScope();
  });
});

describe("dispose", () => {
  it("during a load: what comes late is freed", async () => {
    let dispose = () => {};
    const store = holding(stored("w", counting(8), { chunk: 8, each: () => dispose() }));
    dispose = () => store.dispose();
    await expect(store.load([new Graph().weight("w", f32(8))])).rejects.toThrow(DisposedError);
  });

  it("before a load", async () => {
    const store = holding(stored("w", counting(8)));
    store.dispose();
    await expect(store.load([new Graph().weight("w", f32(8))])).rejects.toThrow(DisposedError);
  });
});
