// States: what is remembered from run to run, in the order in which it was recorded.
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Device, USAGE } from "../../src/device/device.ts";
import { ArgumentError, DisposedError, ShapeError } from "../../src/device/errors.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { testDevice } from "../adapters.ts";
import { expectClose, f32, numbers, prepare } from "./prepare.ts";
import { GPU } from "./traits.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const add = (a: Value, b: Value) => ops.binary({ a, b }, { op: "add" });
const kernelsOf = (graph: Graph) => plan(graph, GPU).steps.map(({ kernel }) => kernel.name);

/** total += x, and gives the total before. */
function accumulator(graph: Graph): void {
  const x = graph.input("x", f32(2, 3));
  const total = graph.state("total", f32(2, 3));
  graph.assign(total, add(total, x));
  graph.output("before", ops.unary({ x: total }, { kind: "relu" }));
}

async function numbersIn(device: Device, buffer: GPUBuffer, count: number): Promise<Float32Array> {
  return new Float32Array(await device.read({ ...f32(count), buffer }));
}

describe("a state", () => {
  it("is zero at first, remembered over three runs, and zero again after a reset", async () => {
    const device = await testDevice();
    using made = await prepare(device, accumulator);
    const { executor } = made;
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const before: unknown[] = [];
    for (let i = 0; i < 3; i++) before.push((await executor.run({ x })).before?.data);
    expect(before).toEqual([0, 1, 2].map((times) => x.map((value) => times * value)));
    expect(await numbersIn(device, executor.state("total"), 6)).toEqual(x.map((value) => 3 * value));
    executor.resetState("total");
    expect((await executor.run({ x })).before?.data).toEqual(new Float32Array(6));
    executor.resetState();
    expect((await executor.run({ x })).before?.data).toEqual(new Float32Array(6));
    expect(() => executor.state("x")).toThrow(new ArgumentError('the plan has no state "x"'));
    expect(() => executor.resetState("y")).toThrow(ArgumentError);
  });

  it("of runs that overlap is that of the run before", async () => {
    using made = await prepare(await testDevice(), accumulator);
    const inputs = Array.from({ length: 6 }, () => new Float32Array(6).fill(1));
    const results = await Promise.all(inputs.map((x) => made.executor.run({ x })));
    expect(results.map(({ before }) => before?.data[0])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("may be the caller's, one for each scene, and shared by two plans", async () => {
    const device = await testDevice();
    using made = await prepare(device, accumulator);
    using reader = await prepare(device, (graph) => {
      const total = graph.state("total", f32(2, 3));
      graph.output("y", ops.binary({ a: total, b: graph.input("x", f32(2, 3)) }, { op: "mul" }));
      graph.output("total", total);
    });
    const [first, second] = [device.createTensor(f32(2, 3)), device.createTensor(f32(2, 3))];
    const before = device.memory.buffers;
    const x = new Float32Array(6).fill(2);
    for (const total of [first, second, first]) await made.executor.run({ x }, { bindings: { total } });
    expect(device.memory.buffers).toBe(before + 1); // for the way back: neither plan made a state of its own
    const read = async (total: typeof first) => await reader.executor.run({ x }, { bindings: { total } });
    expect((await read(first)).y?.data).toEqual(new Float32Array(6).fill(8));
    expect((await read(second)).y?.data).toEqual(new Float32Array(6).fill(4));
    expect((await read(first)).total?.data).toEqual(new Float32Array(6).fill(4));
    expect((await made.executor.run({ x })).before?.data).toEqual(new Float32Array(6)); // its own
    for (const { buffer } of [first, second]) device.free(buffer);
  });

  it("takes no activation bytes, and its bytes are those of the state", () => {
    const graph = new Graph();
    accumulator(graph);
    const { activationBytes, stateBytes, largestBufferBytes } = plan(graph, GPU).summary();
    expect({ activationBytes, stateBytes, largestBufferBytes }).toEqual({
      activationBytes: 64, // x, then what is read; and the sum
      stateBytes: 32,
      largestBufferBytes: 32,
    });
  });

  it("goes with the executor", async () => {
    const device = await testDevice();
    void device.zero;
    const { bytes, buffers } = device.memory;
    const { executor, ...made } = await prepare(device, accumulator);
    const x = new Float32Array(6);
    const last = executor.run({ x });
    executor.state("total");
    made[Symbol.dispose]();
    await last;
    expect(device.memory).toMatchObject({ bytes, buffers });
    expect(() => executor.state("total")).toThrow(DisposedError);
    expect(() => executor.resetState()).toThrow(DisposedError);
  });
});

describe("assign", () => {
  const copiesOf = (build: (graph: Graph, state: Value, x: Value) => void) => {
    const graph = new Graph();
    build(graph, graph.state("memory", f32(8)), graph.input("x", f32(8)));
    return plan(graph, GPU).copies.length;
  };

  it("writes the state's buffer at once where nothing reads it by then, and else copies after the pass", () => {
    expect(copiesOf((graph, memory, x) => graph.assign(memory, ops.softmax({ x })))).toBe(0);
    // Read before.
    expect(
      copiesOf((graph, memory, x) => {
        const read = ops.softmax({ x: memory });
        graph.assign(memory, add(read, x));
      }),
    ).toBe(0);
    // Read by the very kernel that makes the value, and after it.
    expect(copiesOf((graph, memory, x) => graph.assign(memory, add(memory, x)))).toBe(1);
    expect(
      copiesOf((graph, memory, x) => {
        graph.assign(memory, ops.softmax({ x }));
        graph.output("y", add(memory, x));
      }),
    ).toBe(1);
    expect(copiesOf((graph, memory, x) => graph.assign(memory, x))).toBe(1);
    // An output has a place of its own.
    expect(
      copiesOf((graph, memory, x) => {
        const y = ops.softmax({ x });
        graph.output("y", y);
        graph.assign(memory, y);
      }),
    ).toBe(1);
  });

  it("of one value to two states, of inputs, weights and bound outputs", async () => {
    const device = await testDevice();
    using made = await prepare(
      device,
      (graph) => {
        const x = graph.input("x", f32(4));
        const names = ["a", "b", "c", "d", "e"];
        const [a, b, c, d, e] = names.map((name) => graph.state(name, f32(4))) as [Value, Value, Value, Value, Value];
        const doubled = add(x, x);
        graph.assign(a, doubled);
        graph.assign(b, doubled);
        graph.assign(c, x);
        graph.assign(d, graph.weight("w", f32(4)));
        const tripled = add(doubled, x);
        graph.output("tripled", tripled, { bound: true });
        graph.assign(e, tripled);
        graph.output("old", ops.unary({ x: e }, { kind: "relu" }));
      },
      { w: { data: Float32Array.of(9, 8, 7, 6), shape: [4] } },
    );
    const { executor } = made;
    const tripled = device.createTensor(f32(4));
    expect(executor.plan.copies.map(({ to }) => to).sort()).toEqual(["b", "c", "d", "e"]);
    const x = Float32Array.of(1, 2, 3, 4);
    await executor.run({ x }, { bindings: { tripled } });
    const contents = await Promise.all(
      ["a", "b", "c", "d", "e"].map((name) => numbersIn(device, executor.state(name), 4)),
    );
    const times = (n: number) => x.map((value) => n * value);
    expect(contents).toEqual([times(2), times(2), x, Float32Array.of(9, 8, 7, 6), times(3)]);
    expect((await executor.run({ x }, { bindings: { tripled } })).old?.data).toEqual(times(3));
    // The copies need usages that a bound buffer may lack.
    const storage = device.createBuffer(16, USAGE.STORAGE);
    const run = (bindings: Record<string, GPUBuffer>) => executor.run({ x }, { bindings: { tripled, ...bindings } });
    await expect(run({ tripled: storage })).rejects.toThrow("without COPY_SRC");
    await expect(run({ c: storage })).rejects.toThrow("without COPY_DST");
    await run({ a: device.createBuffer(16, USAGE.STORAGE | USAGE.COPY_SRC) });
    device.free(tripled.buffer);
  });
});

describe("writeRows", () => {
  it("changes what is recorded later, and not what was recorded before", async () => {
    using made = await prepare(await testDevice(), (graph) => {
      const rows = graph.input("rows", f32(1, 3));
      const memory = graph.state("memory", f32(3, 3));
      const flat = graph.reshape(memory, [9]);
      graph.output("before", ops.unary({ x: flat }, { kind: "relu" }));
      const written = ops.writeRows({ state: memory, rows: rows }, { at: 1 });
      graph.output("after", ops.unary({ x: flat }, { kind: "relu" }));
      ops.writeRows({ state: written, rows: add(rows, rows) }, { at: 2 });
      graph.output("last", ops.unary({ x: graph.firstRows(memory, 3) }, { kind: "relu" }));
      graph.output("memory", memory);
    });
    const [first, second] = [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)];
    const run = async (rows: Float32Array) => {
      const { before, after, last, memory } = await made.executor.run({ rows });
      return [before, after, last, memory].map((array) => [...(array?.data ?? [])]);
    };
    const zero = [0, 0, 0];
    const twice = (rows: Float32Array) => rows.map((value) => 2 * value);
    const end = [...zero, ...first, ...twice(first)];
    expect(await run(first)).toEqual([[...zero, ...zero, ...zero], [...zero, ...first, ...zero], end, end]);
    const next = [...zero, ...second, ...twice(second)];
    expect(await run(second)).toEqual([end, [...zero, ...second, ...twice(first)], next, next]);
  });

  it("keeps what reads the earlier rows before it, whatever is fused", async () => {
    const C = 8;
    using made = await prepare(
      await testDevice(),
      (graph) => {
        const memory = graph.state("memory", f32(4, C));
        const b = ops.transpose({ x: graph.weight("w", f32(C, C)) }, { padTo: 4 });
        const product = ops.matmul({ a: memory, b });
        ops.writeRows({ state: memory, rows: graph.input("rows", f32(4, C)) }, { at: 0 });
        // Fused, the product would read the rows that were written meanwhile.
        graph.output("y", ops.unary({ x: product }, { kind: "relu" }));
        graph.output("now", ops.unary({ x: ops.matmul({ a: memory, b }) }, { kind: "relu" }));
      },
      { w: { data: numbers(C * C, 1), shape: [C, C] } },
    );
    expect(made.executor.plan.steps.map(({ kernel }) => kernel.name)).toEqual([
      "matmul",
      "writeRows",
      "unary",
      "matmul",
    ]);
    const one = await made.executor.run({ rows: numbers(4 * C, 2) });
    expect(one.y?.data.every((value) => value === 0)).toBe(true);
    expect(one.now?.data.some((value) => value !== 0)).toBe(true);
    const two = await made.executor.run({ rows: numbers(4 * C, 3) });
    expectClose(two.y, one.now?.data ?? []);
  });

  it("is a reason to run, with no output and no reader", async () => {
    const device = await testDevice();
    using made = await prepare(device, (graph) => {
      ops.writeRows({ state: graph.state("memory", f32(2, 4)), rows: graph.input("rows", f32(1, 4)) }, { at: 1 });
    });
    expect(await made.executor.run({ rows: Float32Array.of(1, 2, 3, 4) })).toEqual({});
    const contents = await numbersIn(device, made.executor.state("memory"), 8);
    expect(contents).toEqual(Float32Array.of(0, 0, 0, 0, 1, 2, 3, 4));
  });
});

describe("recording", () => {
  const empty = () => {
    const graph = new Graph();
    return { graph, memory: graph.state("memory", f32(4, 2)), x: graph.input("x", f32(4, 2)) };
  };
  it.each<[string, (given: ReturnType<typeof empty>) => unknown, string]>([
    ["assign to what is no state", ({ graph, x }) => graph.assign(x, x), "[assign] takes a state of the graph"],
    [
      "write rows into a view",
      ({ graph, memory, x }) => ops.writeRows({ state: graph.reshape(memory, [8]), rows: x }, { at: 0 }),
      "[writeRows] takes a state of the graph",
    ],
    [
      "assign another shape",
      ({ graph, memory, x }) => graph.assign(memory, graph.reshape(x, [8])),
      '[assign] the value is [8] f32, expected [4, 2] f32 (state "memory")',
    ],
    [
      "assign twice",
      ({ graph, memory, x }) => {
        graph.assign(memory, x);
        graph.assign(memory, x);
      },
      '[assign] state "memory" is assigned already',
    ],
    [
      "write rows after assigning",
      ({ graph, memory, x }) => {
        graph.assign(memory, x);
        ops.writeRows({ state: memory, rows: x }, { at: 0 });
      },
      '[writeRows] state "memory" is assigned already: write rows before that',
    ],
    [
      "write rows of the state itself",
      ({ graph, memory }) => ops.writeRows({ state: memory, rows: graph.firstRows(memory, 1) }, { at: 2 }),
      '[writeRows] the rows are those of state "memory" itself',
    ],
    [
      "write beyond the end",
      ({ memory, x }) => ops.writeRows({ state: memory, rows: x }, { at: 1 }),
      "4 rows at 1 go beyond [4, 2]",
    ],
    [
      "write rows of another type",
      ({ memory, x }) => ops.writeRows({ state: memory, rows: ops.cast({ x }, { to: "f16" }) }, { at: 0 }),
      "[writeRows] rows has dtype f16, expected f32",
    ],
  ])("refuses to %s", (_, record, message) => {
    let error: unknown;
    try {
      record(empty());
    } catch (thrown) {
      error = thrown;
    }
    expect([ArgumentError, ShapeError]).toContain((error as Error).constructor);
    expect((error as Error).message).toContain(message);
  });

  it("refuses an output, or a value to assign, of which the run keeps nothing", () => {
    const { graph, memory, x } = empty();
    graph.output("old", memory);
    ops.writeRows({ state: memory, rows: x }, { at: 0 });
    const message = 'output "old" is state "memory" as it was before this run changed it';
    expect(() => plan(graph, GPU)).toThrow(new ArgumentError(message));
    const swap = new Graph();
    const [a, b] = [swap.state("a", f32(2)), swap.state("b", f32(2))];
    swap.assign(a, b);
    swap.assign(b, a);
    expect(() => plan(swap, GPU)).toThrow(/state "a" is assigned state "b", which this run changes/);
    expect(kernelsOf(swapped())).toEqual(["unary", "unary"]);
  });

  /** Two states that change places, by what kernels make of them. */
  function swapped(): Graph {
    const graph = new Graph();
    const [a, b] = [graph.state("a", f32(2)), graph.state("b", f32(2))];
    const [oldA, oldB] = [a, b].map((x) => ops.unary({ x }, { kind: "relu" })) as [Value, Value];
    graph.assign(a, oldB);
    graph.assign(b, oldA);
    return graph;
  }
});
