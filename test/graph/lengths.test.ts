// Lengths that each run gives: a memory that grows under one plan.
import { afterEach, describe, expect, it, vi } from "vitest";
import { ArgumentError, ShapeError } from "../../src/device/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { isStatic } from "../../src/graph/statics.ts";
import { packUniforms } from "../../src/graph/uniforms.ts";
import { launchKey } from "../../src/kernels/kernel.ts";
import { Length } from "../../src/kernels/length.ts";
import { testDevice } from "../adapters.ts";
import { expectClose, f32, numbers, prepare } from "./prepare.ts";
import { GPU } from "./traits.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const [MOST, C, HEADS] = [13, 16, 2];

/** Each run puts a row into the memory and attends to the rows that are there. */
function remember(graph: Graph): void {
  const row = graph.input("row", f32(1, C));
  const query = graph.input("query", f32(1, 3, C));
  const memory = graph.state("memory", f32(MOST, C));
  ops.writeRows({ state: memory, rows: row }, { at: graph.length("at", MOST - 1) });
  const kv = graph.reshape(memory, [1, MOST, C]);
  const keys = graph.length("keys", MOST);
  graph.output("y", ops.attention({ q: query, k: kv, v: kv }, { heads: HEADS, keys }));
  graph.output("newest", ops.narrow({ x: memory }, { axis: 0, start: graph.length("newest", MOST - 1), length: 1 }));
}

/** The same over exactly so many rows. */
function attendTo(count: number) {
  return (graph: Graph) => {
    const rows = graph.input("rows", f32(1, count, C));
    graph.output("y", ops.attention({ q: graph.input("query", f32(1, 3, C)), k: rows, v: rows }, { heads: HEADS }));
  };
}

describe("a memory that grows", () => {
  it("from 1 row to all with one plan, gives what attention to those rows gives", async () => {
    const device = await testDevice();
    using made = await prepare(device, remember);
    const all = numbers(MOST * C, 1);
    const pipelines = device.pipelines.size;
    for (let count = 1; count <= MOST; count++) {
      const [row, query] = [all.slice((count - 1) * C, count * C), numbers(3 * C, count)];
      const lengths = { at: count - 1, keys: count, newest: count - 1 };
      const { y, newest } = await made.executor.run({ row, query }, { lengths });
      expect(newest?.data).toEqual(row);
      using exact = await prepare(device, attendTo(count));
      expectClose(y, (await exact.executor.run({ rows: all.slice(0, count * C), query })).y?.data ?? []);
    }
    expect(device.pipelines.size).toBe(pipelines);
  });

  it("runs that overlap have their own lengths", async () => {
    using made = await prepare(await testDevice(), (graph) => {
      const x = graph.input("x", f32(MOST, 3));
      graph.output("row", ops.narrow({ x }, { axis: 0, start: graph.length("at", MOST - 1), length: 1 }));
    });
    const x = numbers(MOST * 3, 2);
    const order = [4, 4, 0, 12, 7, 4];
    const runs = await Promise.all(order.map((at) => made.executor.run({ x }, { lengths: { at } })));
    expect(runs.map(({ row }) => row?.data)).toEqual(order.map((at) => x.slice(at * 3, at * 3 + 3)));
  });

  it("writes a length to the queue only where it changed", async () => {
    const device = await testDevice();
    using made = await prepare(device, remember);
    const inputs = { row: numbers(C, 1), query: numbers(3 * C, 2) };
    await made.executor.run(inputs, { lengths: { at: 0, keys: 1, newest: 0 } });
    const write = vi.spyOn(device.gpu.queue, "writeBuffer");
    await made.executor.run(inputs, { lengths: { at: 0, keys: 1, newest: 0 } });
    expect(write).toHaveBeenCalledTimes(2); // the inputs
    await made.executor.run(inputs, { lengths: { at: 1, keys: 2, newest: 0 } });
    expect(write).toHaveBeenCalledTimes(2 + 2 + 2);
  });
});

describe("lengths", () => {
  it("that are missing, out of range or unknown are refused, and the next run works", async () => {
    const device = await testDevice();
    using made = await prepare(device, remember);
    const inputs = { row: numbers(C, 1), query: numbers(3 * C, 2) };
    const right = { at: 0, keys: 1, newest: 0 };
    for (const [lengths, message] of [
      [{ at: 0, newest: 0 }, 'length "keys" is missing: give it as lengths: { keys: … }, from 0 to 13'],
      [{ ...right, keys: 14 }, 'length "keys" is 14, expected a whole number from 0 to 13'],
      [{ ...right, at: -1 }, 'length "at" is -1'],
      [{ ...right, at: 0.5 }, 'length "at" is 0.5'],
      [{ ...right, keys: Number.NaN }, 'length "keys" is NaN'],
      [{ ...right, rows: 1 }, 'the plan has no length "rows"; it has at, keys, newest'],
    ] as const) {
      const run = made.executor.run(inputs, { lengths });
      await expect(run).rejects.toThrow(ArgumentError);
      await expect(run).rejects.toThrow(message);
    }
    await made.executor.run(inputs, { lengths: right });
    device.check();
  });

  it("are named once, and whole", () => {
    const graph = new Graph();
    graph.length("keys", 4);
    expect(() => graph.length("keys", 4)).toThrow(new ArgumentError('the graph already has a length "keys"'));
    expect(() => graph.length("rows", 1.5)).toThrow(ArgumentError);
  });

  it("fit at their largest, or are refused when they are recorded", () => {
    const graph = new Graph();
    const memory = graph.state("memory", f32(4, 2));
    const rows = graph.input("rows", f32(2, 2));
    expect(() => ops.writeRows({ state: memory, rows: rows }, { at: graph.length("at", 3) })).toThrow(ShapeError);
    const start = graph.length("start", 4);
    expect(() => ops.narrow({ x: memory }, { axis: 0, start, length: 1 })).toThrow(ShapeError);
    const kv = graph.reshape(memory, [1, 4, 2]);
    const keys = graph.length("keys", 5);
    expect(() => ops.attention({ q: kv, k: kv, v: kv }, { heads: 1, keys })).toThrow(ShapeError);
  });

  it("share parameters only where they are the same, also with a number", () => {
    const graph = new Graph();
    const kv = graph.input("kv", f32(1, 4, 8));
    const [a, b] = [graph.length("a", 4), graph.length("b", 4)];
    for (const [i, keys] of [a, a, b, 4].entries()) {
      graph.output(`y${i}`, ops.attention({ q: kv, k: kv, v: kv }, { heads: 1, keys }));
    }
    const { offsets, fields } = packUniforms(plan(graph, GPU).steps);
    expect(new Set(offsets).size).toBe(3);
    expect(offsets[0]).toBe(offsets[1]);
    expect(fields.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("have keys of their own, and what they decide is not static", () => {
    const graph = new Graph();
    const x = graph.weight("w", f32(4, 2));
    const narrowed = (start: number | Length) => ops.narrow({ x }, { axis: 0, start, length: 1 });
    expect([narrowed(2), narrowed(new Length("start", 2))].map(isStatic)).toEqual([true, false]);
    const [keys, other] = [new Length("keys", 4), new Length("keys", 3)];
    const launches = [4, 3, keys, other].map((value) => launchKey("attention", { q: x }, { heads: 1, keys: value }));
    expect(new Set(launches).size).toBe(4);
  });
});
