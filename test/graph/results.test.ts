// Kernels with several results: every one is a value, whether anybody reads it or not.
import { describe, expect, it } from "vitest";
import { Graph, reachable, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { staticKey } from "../../src/graph/statics.ts";
import { dispatch } from "../../src/kernels/dispatch.ts";
import { topK } from "../../src/kernels/topK.ts";
import { testDevice } from "../adapters.ts";
import { f32, prepare } from "./prepare.ts";
import { GPU } from "./traits.ts";

const X = Float32Array.of(3, 9, -1, 9, 0, 2, 7, 5);
const x = (graph: Graph) => graph.input("x", f32(2, 4));

describe("topK", () => {
  it("gives its results by name", () => {
    const graph = new Graph();
    const { values, indices } = ops.topK({ x: x(graph) }, { k: 3 });
    expect([values.dtype, values.shape, indices.dtype, indices.shape]).toEqual(["f32", [2, 3], "i32", [2, 3]]);
  });

  it.each<[string, (results: { values: Value; indices: Value }) => Record<string, Value>]>([
    ["both", (results) => results],
    ["the first alone", ({ values }) => ({ values })],
    ["the second alone", ({ indices }) => ({ indices })],
    ["the second twice, and a view", ({ indices }) => ({ indices, flat: indices.graph.reshape(indices, [4]) })],
  ])("%s may be read", async (_, pick) => {
    using made = await prepare(await testDevice(), (graph) => {
      for (const [name, value] of Object.entries(pick(ops.topK({ x: x(graph) }, { k: 2 })))) graph.output(name, value);
    });
    const got = await made.executor.run({ x: X });
    if (got.values) expect(got.values.data).toEqual(Float32Array.of(9, 9, 7, 5));
    for (const name of ["indices", "flat"]) if (got[name]) expect(got[name].data).toEqual(Float32Array.of(1, 3, 2, 3));
    expect(Object.keys(got).length).toBeGreaterThan(0);
  });

  it("results that later steps read, and one that nobody does, have no buffer of another", async () => {
    const build = (graph: Graph) => {
      let value = x(graph);
      for (let i = 0; i < 4; i++)
        value = ops.topK({ x: ops.binary({ a: value, b: value }, { op: "add" }) }, { k: 4 }).values;
      graph.output("y", value);
    };
    const graph = new Graph();
    build(graph);
    for (const { inputs, outputs } of plan(graph, GPU).steps) {
      const places = [...inputs, ...outputs].map((place) => JSON.stringify(place));
      expect(new Set(outputs.map((place) => JSON.stringify(place))).size).toBe(outputs.length);
      for (const place of outputs) expect(places.filter((other) => other === JSON.stringify(place))).toHaveLength(1);
    }
    using made = await prepare(await testDevice(), build);
    expect((await made.executor.run({ x: X })).y?.data).toEqual(Float32Array.of(144, 144, 48, -16, 112, 80, 32, 0));
  });

  it("results may be bound, written into a state, and made at load", async () => {
    const device = await testDevice();
    using made = await prepare(
      device,
      (graph) => {
        const { values, indices } = ops.topK({ x: x(graph) }, { k: 2 });
        graph.output("indices", indices, { bound: true });
        graph.assign(graph.state("best", f32(2, 2)), values);
        const atLoad = ops.topK({ x: graph.weight("w", f32(4)) }, { k: 3 });
        graph.output("order", ops.cast({ x: ops.gather({ ids: atLoad.indices, table: x2(graph) }) }, { to: "f32" }));
        graph.output("sorted", atLoad.values);
      },
      { w: { data: Float32Array.of(5, 7, 6, 1), shape: [4] } },
    );
    const indices = device.createTensor({ dtype: "i32", shape: [2, 2] });
    const got = await made.executor.run({ x: X, table: Float32Array.of(10, 20, 30, 40) }, { bindings: { indices } });
    expect(got.sorted?.data).toEqual(Float32Array.of(7, 6, 5));
    expect(got.order?.data).toEqual(Float32Array.of(20, 30, 10));
    expect(new Int32Array(await device.read(indices))).toEqual(Int32Array.of(1, 3, 2, 3));
    const best = { ...f32(2, 2), buffer: made.executor.state("best") };
    expect(new Float32Array(await device.read(best))).toEqual(Float32Array.of(9, 9, 7, 5));
    expect(made.executor.plan.copies).toEqual([]);
    device.free(indices.buffer);
  });

  const x2 = (graph: Graph) => graph.input("table", f32(4, 1));

  it("is reachable with all its results, and each has a key", () => {
    const graph = new Graph();
    const w = graph.weight("w", f32(4));
    const { values, indices } = ops.topK({ x: w }, { k: 2 });
    expect(reachable(graph, [values])).toEqual([w, values, indices]);
    expect(reachable(graph, [indices])).toEqual([w, values, indices]);
    expect(staticKey(indices)).not.toBe(staticKey(values));
  });
});

it("dispatch gives the first output and frees the others", async () => {
  const device = await testDevice();
  const input = device.upload(f32(2, 4), X);
  const { buffers } = device.memory;
  const values = await dispatch(device, topK, { x: input }, { k: 1 });
  expect(new Float32Array(await device.read(values))).toEqual(Float32Array.of(9, 7));
  expect(device.memory.buffers).toBe(buffers + 1);
  for (const { buffer } of [input, values]) device.free(buffer);
});
