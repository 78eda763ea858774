// Runs on the GPU: the right numbers, also when runs overlap; nothing allocated by a run, one submit for each; and
// every byte given back.
import { afterEach, describe, expect, it, vi } from "vitest";
import { ArgumentError, DeviceLostError, DisposedError, LimitError } from "../../src/device/errors.ts";
import { toHalfArray } from "../../src/device/half.ts";
import { openDevice } from "../../src/device/open.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { SlotPool } from "../../src/graph/slotPool.ts";
import { WeightStore } from "../../src/graph/store.ts";
import { testDevice } from "../adapters.ts";
import { expectClose, f32, numbers, prepare, type Weights } from "./prepare.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const [M, K, N] = [6, 5, 8];
const MLP: Weights = {
  w: { data: numbers(N * K, 1), shape: [N, K] },
  bias: { data: numbers(N, 2), shape: [N] },
  gamma: { data: numbers(N, 3), shape: [N] },
  positions: { data: numbers(3 * N, 4), shape: [3, N] },
};

/** relu(x · wᵀ + bias) * gamma + positions: x [2, 3, K], one dispatch. */
function mlp(graph: Graph): void {
  const x = graph.input("x", f32(2, 3, K));
  const b = ops.transpose({ x: graph.weight("w", f32(N, K)) }, { padTo: 4 });
  const product = ops.matmul({ a: x, b, bias: graph.weight("bias", f32(N)) }, { n: N });
  const scaled = ops.binary(
    { a: ops.unary({ x: product }, { kind: "relu" }), b: graph.weight("gamma", f32(N)) },
    { op: "mul" },
  );
  graph.output("y", ops.binary({ a: scaled, b: graph.weight("positions", f32(3, N)) }, { op: "add" }));
}

function mlpOnCpu(x: Float32Array): number[] {
  const at = (name: string, i: number) => (MLP[name] as NdArray).data[i] as number;
  return Array.from({ length: M * N }, (_, i) => {
    const [row, n] = [Math.floor(i / N), i % N];
    let sum = at("bias", n);
    for (let k = 0; k < K; k++) sum += (x[row * K + k] as number) * at("w", n * K + k);
    return Math.max(0, sum) * at("gamma", n) + at("positions", (row % 3) * N + n);
  });
}

describe("results", () => {
  it("of a fused layer are those of a computation on the CPU", async () => {
    using made = await prepare(await testDevice(), mlp, MLP);
    expect(made.executor.plan.steps).toHaveLength(1);
    const x = numbers(M * K, 5);
    expectClose((await made.executor.run({ x })).y, mlpOnCpu(x));
  });

  it("of fused attention are those of the parts", async () => {
    const C = 12;
    const weights = Object.fromEntries(
      ["q", "k", "v"].map((name, i) => [name, { data: numbers(C * C, 10 + i), shape: [C, C] }]),
    );
    // Products that are outputs too cannot be fused.
    const build = (isOpen: boolean) => (graph: Graph) => {
      const x = graph.input("x", f32(2, 7, C));
      const project = (name: string) => {
        const y = ops.matmul({ a: x, b: ops.transpose({ x: graph.weight(name, f32(C, C)) }, { padTo: 4 }) });
        if (isOpen) graph.output(name, y);
        return y;
      };
      const attended = ops.attention({ q: project("q"), k: project("k"), v: project("v") }, { heads: 3, causal: true });
      graph.output("y", attended);
    };
    const device = await testDevice();
    using fused = await prepare(device, build(false), weights);
    using parts = await prepare(device, build(true), weights);
    expect([fused.executor.plan.steps.length, parts.executor.plan.steps.length]).toEqual([2, 4]);
    const x = numbers(2 * 7 * C, 13);
    const expected = (await parts.executor.run({ x })).y as NdArray;
    expect(expected.data.some((value) => value !== 0)).toBe(true);
    expectClose((await fused.executor.run({ x })).y, expected.data);
  });

  it("of overlapping runs belong to their own inputs", async () => {
    using made = await prepare(await testDevice(), mlp, MLP);
    const inputs = Array.from({ length: 12 }, (_, i) => numbers(M * K, 100 + i));
    const results = await Promise.all(inputs.map((x) => made.executor.run({ x })));
    for (const [i, x] of inputs.entries()) expectClose(results[i]?.y, mlpOnCpu(x));
  });

  it("come in every type, at every length, also from a static value, an input and a view", async () => {
    using made = await prepare(
      await testDevice(),
      (graph) => {
        const x = graph.input("x", f32(3, 5));
        graph.output("half", ops.cast({ x }, { to: "f16" }));
        graph.output("best", ops.argmax({ x }));
        graph.output("pixels", graph.input("u", { dtype: "u32", shape: [3] }));
        graph.output("row", graph.firstRows(x, 1));
        graph.output("weight", graph.weight("w", f32(3)));
        graph.output("none", ops.unary({ x: graph.input("empty", f32(0, 4)) }, { kind: "relu" }));
        graph.output("scalar", graph.reshape(graph.firstRows(graph.reshape(x, [15]), 1), []));
      },
      { w: { data: Float32Array.of(7, 8, 9), shape: [3] } },
    );
    const x = numbers(15, 20);
    x.set([0.5, -0.25, 0.125, 0.75, 0.0625]);
    x.set([0, 0, 0, 0, 1], 5);
    const got = await made.executor.run({ x, u: Uint32Array.of(0, 5, 2 ** 31), empty: new Float32Array(0) });
    expect([...(got.best?.data ?? [])].slice(0, 2)).toEqual([3, 4]);
    expect(got.pixels).toEqual({ data: Float32Array.of(0, 5, 2 ** 31), shape: [3] });
    expect(got.row).toEqual({ data: x.slice(0, 5), shape: [1, 5] });
    expect(got.weight).toEqual({ data: Float32Array.of(7, 8, 9), shape: [3] });
    expect(got.none).toEqual({ data: new Float32Array(0), shape: [0, 4] });
    expect(got.scalar).toEqual({ data: Float32Array.of(0.5), shape: [] });
    expect(got.half?.shape).toEqual([3, 5]);
    expectClose(got.half, x, 2 ** -11);
  });

  it("of half-precision inputs", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    using made = await prepare(device, (graph) => {
      const x = graph.input("x", { dtype: "f16", shape: [3] });
      graph.output("y", ops.binary({ a: x, b: x }, { op: "add" }));
    });
    const { y } = await made.executor.run({ x: toHalfArray([0.5, -1, 3]) });
    expect(y).toEqual({ data: Float32Array.of(1, -2, 6), shape: [3] });
  });
});

describe("a run", () => {
  it("allocates nothing after the first, and is one submit", async () => {
    const device = await testDevice();
    using made = await prepare(device, mlp, MLP);
    const x = numbers(M * K, 5);
    await made.executor.run({ x });
    const { buffers, bytes } = device.memory;
    const makers = ["createBuffer", "createBindGroup", "createComputePipelineAsync", "createShaderModule"] as const;
    const spies = makers.map((name) => vi.spyOn(device.gpu, name));
    const submit = vi.spyOn(device.gpu.queue, "submit");
    for (let i = 1; i <= 3; i++) {
      await made.executor.run({ x });
      expect(submit).toHaveBeenCalledTimes(i);
    }
    for (const [i, spy] of spies.entries()) expect(spy, makers[i]).not.toHaveBeenCalled();
    expect(device.memory).toMatchObject({ buffers, bytes });
  });

  it("takes an input from another plan within its submit", async () => {
    const device = await testDevice();
    using first = await prepare(device, mlp, MLP);
    using second = await prepare(device, (graph) => {
      graph.output(
        "double",
        ops.binary({ a: graph.input("y", f32(M, N)), b: graph.constant(f32(1), Float32Array.of(2)) }, { op: "mul" }),
      );
    });
    const x = numbers(M * K, 6);
    await second.executor.run({ y: new Float32Array(M * N) });
    const submit = vi.spyOn(device.gpu.queue, "submit");
    const before = (encoder: GPUCommandEncoder) => {
      first.executor.write("x", x);
      first.executor.encode(encoder);
      encoder.copyBufferToBuffer(
        first.executor.buffer("y"),
        0,
        second.executor.buffer("y"),
        0,
        second.executor.bytes("y"),
      );
    };
    const { double } = await second.executor.run({}, { before });
    expect(submit).toHaveBeenCalledTimes(1);
    expectClose(
      double,
      mlpOnCpu(x).map((value) => 2 * value),
    );
  });

  it.each<[string, Readonly<Record<string, Float32Array | Int32Array>>, string]>([
    ["an unknown name", { z: new Float32Array(M * K) }, 'the plan has no input "z"; it has x'],
    ["too many elements", { x: new Float32Array(M * K + 1) }, 'input "x" [2, 3, 5] f32 takes 120 bytes, got 124'],
    ["too few elements", { x: new Float32Array(M * K - 1) }, 'input "x" [2, 3, 5] f32 takes 120 bytes, got 116'],
    ["another type", { x: new Int32Array(M * K) }, 'input "x" is f32 and takes a Float32Array, got Int32Array'],
  ])("refuses %s, and the next one works", async (_, inputs, message) => {
    using made = await prepare(await testDevice(), mlp, MLP);
    const run = made.executor.run(inputs);
    await expect(run).rejects.toThrow(ArgumentError);
    await expect(run).rejects.toThrow(message);
    const x = numbers(M * K, 7);
    expectClose((await made.executor.run({ x })).y, mlpOnCpu(x));
  });

  it("writes a part of an input", async () => {
    using made = await prepare(await testDevice(), (graph) => graph.output("y", graph.input("x", f32(4))));
    made.executor.write("x", Float32Array.of(1, 2, 3, 4));
    made.executor.write("x", Float32Array.of(9), 8);
    expect((await made.executor.run()).y?.data).toEqual(Float32Array.of(1, 2, 9, 4));
    expect(() => made.executor.write("x", Float32Array.of(1, 2), 12)).toThrow(ArgumentError);
  });
});

it("profile: a time for each step, and how it was taken", async () => {
  const device = await testDevice();
  using made = await prepare(
    device,
    (graph) => {
      mlp(graph);
      graph.output("z", ops.softmax({ x: graph.outputs.get("y") as Value }));
    },
    MLP,
  );
  const x = numbers(M * K, 8);
  await made.executor.run({ x });
  const before = { ...device.memory };
  const { steps, source } = await made.executor.profile();
  expect(source).toBe(device.hasTimestamps ? "timestamp-query" : "wall");
  expect(steps.map(({ kernel }) => kernel)).toEqual(["matmul", "softmax"]);
  expect(steps.map(({ shape }) => shape)).toEqual([
    [2, 3, N],
    [2, 3, N],
  ]);
  for (const { ms, flops } of steps) {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(flops).toBeGreaterThan(0);
  }
  expect(device.memory).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
});

describe("memory", () => {
  /** x and what it comes to in three steps, for a plan of `length` elements. */
  const cube = (length: number) => (graph: Graph) => {
    const x = graph.input("x", f32(length));
    const square = ops.binary({ a: x, b: x }, { op: "mul" });
    graph.output("y", ops.binary({ a: square, b: x }, { op: "mul" }));
  };
  const expected = (x: Float32Array) => x.map((value) => value ** 3);

  it("of plans that share a pool is that of the largest, and their runs may take turns", async () => {
    const device = await testDevice();
    const before = device.memory.bytes;
    const pool = new SlotPool(device);
    const large = await prepare(device, cube(10_000), {}, pool);
    const alone = device.memory.bytes - before;
    using small = await prepare(device, cube(700), {}, pool);
    expect(device.memory.bytes - before - alone).toBeLessThan(1000); // its parameters
    const [a, b, c] = [numbers(10_000, 1), numbers(700, 2), numbers(10_000, 3)];
    const runs = await Promise.all([
      large.executor.run({ x: a }),
      small.executor.run({ x: b }),
      large.executor.run({ x: c }),
    ]);
    for (const [i, x] of [a, b, c].entries()) expectClose(runs[i]?.y, expected(x));

    large[Symbol.dispose]();
    large.executor.dispose(); // twice does nothing
    expectClose((await small.executor.run({ x: b })).y, expected(b));
    using larger = await prepare(device, cube(20_000), {}, pool);
    const d = numbers(20_000, 4);
    expectClose((await larger.executor.run({ x: d })).y, expected(d));
    expectClose((await small.executor.run({ x: b })).y, expected(b));
    small[Symbol.dispose]();
    larger[Symbol.dispose]();
    expect(device.memory.bytes).toBe(before);
  });

  it("comes back when plan and weights are disposed of, also during a run", async () => {
    const device = await testDevice();
    void device.zero; // belongs to the device
    const before = { ...device.memory };
    const { executor, ...made } = await prepare(device, mlp, MLP);
    await executor.run({ x: numbers(M * K, 1) });
    expect(device.memory.bytes).toBeGreaterThan(before.bytes);
    const x = numbers(M * K, 9);
    const last = executor.run({ x });
    made[Symbol.dispose]();
    expectClose((await last).y, mlpOnCpu(x));
    expect(device.memory).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
    await expect(executor.run({ x })).rejects.toThrow(DisposedError);
    await expect(executor.profile()).rejects.toThrow(DisposedError);
    expect(() => executor.write("x", x)).toThrow(DisposedError);
    expect(() => executor.buffer("y")).toThrow(DisposedError);
    device.check(); // nothing was done to a buffer that is gone
  });

  it("is not touched by a plan that cannot be made", async () => {
    const device = await testDevice();
    void device.zero;
    const before = { ...device.memory };
    const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    const tooLarge = prepare(device, (graph) => {
      graph.output("y", ops.unary({ x: graph.input("huge", f32(most / 4 + 4)) }, { kind: "relu" }));
    });
    await expect(tooLarge).rejects.toThrow(LimitError);
    await expect(tooLarge).rejects.toThrow(/needs .* MiB, but this adapter .* binds at most .* MiB/);
    const graph = new Graph();
    mlp(graph);
    const empty = new WeightStore(device, { name: "nothing", tensors: new Map() });
    await expect(Executor.create(device, plan(graph, device), empty)).rejects.toThrow(DisposedError);
    expect(device.memory).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
  });
});

it("a lost device rejects the runs under way and those after", async () => {
  const device = await openDevice();
  const { executor } = await prepare(device, mlp, MLP);
  const x = numbers(M * K, 1);
  await executor.run({ x });
  const runs = [executor.run({ x }), executor.run({ x })];
  device.gpu.destroy();
  for (const run of runs) await expect(run).rejects.toThrow(DeviceLostError);
  await expect(executor.run({ x })).rejects.toThrow(DeviceLostError);
  await expect(executor.profile()).rejects.toThrow(DeviceLostError);
  expect(() => executor.write("x", x)).toThrow(DeviceLostError);
  device.destroy();
  expect(device.memory).toMatchObject({ bytes: 0, buffers: 0 });
});
