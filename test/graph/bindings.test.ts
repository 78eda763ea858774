// Inputs and outputs in buffers of the caller's: nothing is copied, and a bind group is made once for each buffer.
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Device, USAGE } from "../../src/device/device.ts";
import { ArgumentError } from "../../src/device/errors.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { testDevice } from "../adapters.ts";
import { f32, numbers, prepare } from "./prepare.ts";
import { GPU } from "./traits.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const [ROWS, COLUMNS] = [4, 6];
const COUNT = ROWS * COLUMNS;

/** y = relu(x + embedding) * x, of which x alone lies in a slot that is written. */
function sum(graph: Graph, { isOutputBound = false } = {}): void {
  const x = graph.input("x", f32(ROWS, COLUMNS));
  const embedding = graph.input("embedding", f32(ROWS, COLUMNS), { bound: true });
  const added = ops.binary({ a: x, b: embedding }, { op: "add" });
  const y = ops.binary({ a: ops.softmax({ x: added }), b: x }, { op: "mul" });
  graph.output("added", added);
  graph.output("y", y, { bound: isOutputBound });
}

const tensor = (device: Device, data: Float32Array) => device.upload(f32(ROWS, COLUMNS), data, "the caller's");
const zeros = (device: Device) => device.createTensor(f32(ROWS, COLUMNS), "the caller's");
const plus = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + (b[i] as number));

describe("a bound input", () => {
  it("is read from the buffer that a run binds, and bind groups are made once for each", async () => {
    const device = await testDevice();
    using made = await prepare(device, sum);
    const [x, first, second] = [numbers(COUNT, 1), numbers(COUNT, 2), numbers(COUNT, 3)];
    const [a, b] = [tensor(device, first), tensor(device, second)];
    const spy = vi.spyOn(device.gpu, "createBindGroup");
    const run = async (embedding: GPUBuffer | typeof a) => {
      return (await made.executor.run({ x }, { bindings: { embedding } })).added?.data;
    };
    expect(await run(a)).toEqual(plus(x, first));
    expect(await run(b.buffer)).toEqual(plus(x, second));
    expect(spy).toHaveBeenCalledTimes(2); // of three steps, one reads it
    expect(await run(a.buffer)).toEqual(plus(x, first));
    expect(await Promise.all([run(a), run(b), run(a)])).toEqual([plus(x, first), plus(x, second), plus(x, first)]);
    expect(spy).toHaveBeenCalledTimes(2);
    for (const { buffer } of [a, b]) device.free(buffer);
  });

  it("takes no slot, and counts as the largest buffer", () => {
    const build = (bound: boolean) => {
      const graph = new Graph();
      const table = graph.input("table", f32(1000, 8), { bound });
      graph.output("y", ops.narrow({ x: table }, { axis: 0, start: 3, length: 2 }));
      return plan(graph, GPU).summary();
    };
    expect(build(true)).toMatchObject({ activationBytes: 64, liveBytes: 64, largestBufferBytes: 32_000 });
    expect(build(false)).toMatchObject({ activationBytes: 32_064, largestBufferBytes: 32_000 });
  });

  it("may be an output too, and a view of it", async () => {
    const device = await testDevice();
    using made = await prepare(device, (graph) => {
      const x = graph.input("x", f32(ROWS, COLUMNS), { bound: true });
      graph.output("same", x);
      graph.output("row", graph.firstRows(x, 1));
    });
    const data = numbers(COUNT, 4);
    const x = tensor(device, data);
    const { same, row } = await made.executor.run({}, { bindings: { x } });
    expect(same?.data).toEqual(data);
    expect(row?.data).toEqual(data.slice(0, COLUMNS));
    const withoutCopy = device.createBuffer(96, USAGE.STORAGE);
    const run = made.executor.run({}, { bindings: { x: withoutCopy } });
    await expect(run).rejects.toThrow("got a buffer of 96 bytes without COPY_SRC");
    for (const buffer of [x.buffer, withoutCopy]) device.free(buffer);
  });
});

describe("a bound output", () => {
  it("is written into the caller's buffer, also where later steps read it", async () => {
    const device = await testDevice();
    using made = await prepare(device, (graph) => {
      const x = graph.input("x", f32(ROWS, COLUMNS));
      const square = ops.binary({ a: x, b: x }, { op: "mul" });
      graph.output("square", graph.reshape(square, [COUNT]), { bound: true });
      graph.output("cube", ops.binary({ a: square, b: x }, { op: "mul" }));
    });
    const [first, second] = [zeros(device), zeros(device)];
    const copy = vi.spyOn(encoderMethods(device), "copyBufferToBuffer");
    for (const [i, square] of [first, second, first].entries()) {
      const x = numbers(COUNT, 10 + i);
      copy.mockClear();
      const results = await made.executor.run({ x }, { bindings: { square } });
      expect(copy).toHaveBeenCalledTimes(1); // of the cube to the host
      expect(Object.keys(results)).toEqual(["cube"]);
      expect(results.cube?.data).toEqual(x.map((value) => Math.fround(value * value) * value));
      expect(new Float32Array(await device.read(square))).toEqual(x.map((value) => value * value));
    }
    for (const { buffer } of [first, second]) device.free(buffer);
  });

  it("may be all that a run gives", async () => {
    const device = await testDevice();
    using made = await prepare(device, (graph) => {
      const x = graph.input("x", f32(ROWS, COLUMNS));
      graph.output("y", ops.unary({ x }, { kind: "relu" }), { bound: true });
    });
    const [x, y] = [numbers(COUNT, 5), zeros(device)];
    expect(made.executor.plan.slots).toEqual([96]); // that of x
    expect(await made.executor.run({ x }, { bindings: { y } })).toEqual({});
    expect(new Float32Array(await device.read(y))).toEqual(x.map((value) => Math.max(0, value)));
    device.free(y.buffer);
  });

  it.each<[string, (graph: Graph, x: Value) => void, string]>([
    ["an input", (graph, x) => graph.output("y", x, { bound: true }), 'it is input "x"'],
    [
      "made at load",
      (graph) => graph.output("y", graph.weight("w", f32(2)), { bound: true }),
      "no run computes it, as it is made of weights and constants alone",
    ],
    [
      "a part of a tensor",
      (graph, x) => graph.output("y", graph.firstRows(ops.softmax({ x }), 1), { bound: true }),
      "it is a view of the first part of a larger tensor",
    ],
    [
      "another output too",
      (graph, x) => {
        const y = ops.softmax({ x });
        graph.output("other", graph.reshape(y, [COUNT]));
        graph.output("y", y, { bound: true });
      },
      'output "other" is the same tensor',
    ],
    [
      "a state",
      (graph) => graph.output("y", graph.state("memory", f32(2)), { bound: true }),
      'it is state "memory", which has a buffer: bind one to that',
    ],
  ])("cannot be %s", (_, record, message) => {
    const graph = new Graph();
    record(graph, graph.input("x", f32(ROWS, COLUMNS)));
    expect(() => plan(graph, GPU)).toThrow(new ArgumentError(`output "y" cannot be bound: ${message}`));
  });
});

describe("bindings", () => {
  it("of a wrong name, size, usage or type are refused, and the next run works", async () => {
    const device = await testDevice();
    using made = await prepare(device, (graph) => sum(graph, { isOutputBound: true }));
    const { executor } = made;
    const x = numbers(COUNT, 6);
    const [embedding, y] = [tensor(device, numbers(COUNT, 7)), zeros(device)];
    const [small, unusable] = [device.createBuffer(92, USAGE.STORAGE), device.createBuffer(96, USAGE.COPY_SRC)];
    const what = 'bound input "embedding" [4, 6] f32, of 96 bytes,';
    const halves = { dtype: "f16", shape: [ROWS, COLUMNS], buffer: embedding.buffer } as const;
    const wrong: [Parameters<typeof executor.run>[1], string][] = [
      [{ bindings: { y } }, `${what} is missing: give it as bindings: { embedding: buffer }`],
      [{ bindings: { embedding } }, 'bound output "y" [4, 6] f32, of 96 bytes, is missing'],
      [{ bindings: { embedding: small, y } }, `${what} got a buffer of 92 bytes`],
      [{ bindings: { embedding: unusable, y } }, `${what} got a buffer of 96 bytes without STORAGE`],
      [{ bindings: { embedding: halves, y } }, `${what} got a tensor of f16`],
      [{ bindings: { embedding, y, z: y } }, 'the plan has nothing bound as "z"; it has embedding, y'],
      [{ bindings: { embedding: y, y } }, '"y", which the run writes, and "embedding" have one buffer'],
    ];
    for (const [options, message] of wrong) {
      const run = executor.run({ x }, options);
      await expect(run).rejects.toThrow(ArgumentError);
      await expect(run).rejects.toThrow(message);
      expect(() => executor.encode(device.gpu.createCommandEncoder(), options)).toThrow(message);
    }
    await expect(executor.run({ x, embedding: x }, { bindings: { embedding, y } })).rejects.toThrow(
      '"embedding" is in a buffer that each run binds as "embedding": use that one',
    );
    expect(() => executor.buffer("y")).toThrow(ArgumentError);
    expect(executor.bytes("y")).toBe(96);
    const profile = await executor.profile({ bindings: { embedding, y } });
    expect(profile.steps).toHaveLength(3);
    await executor.run({ x }, { bindings: { embedding, y } });
    device.check(); // nothing reached WebGPU that it refuses
    for (const buffer of [embedding.buffer, y.buffer, small, unusable]) device.free(buffer);
  });

  it("have one name each", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(2), { bound: true });
    const message = 'the graph already has a state, a bound input or a bound output "x"';
    expect(() => graph.state("x", f32(2))).toThrow(new ArgumentError(message));
    expect(() => graph.output("x", ops.softmax({ x }), { bound: true })).toThrow(new ArgumentError(message));
    graph.output("x", x); // not bound
  });
});

/** Where the methods of the device's command encoders are. */
function encoderMethods(device: Device): GPUCommandEncoder {
  return Object.getPrototypeOf(device.gpu.createCommandEncoder());
}
