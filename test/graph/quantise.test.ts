// Int8 weights of a plan: what becomes int8 and what does not, and what loading them takes. That kernels read int8 as
// they should is in test/kernels, and that models stay right in test/models.
import { afterEach, describe, expect, it } from "vitest";
import type { Spec } from "../../src/device/tensor.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph, type NodeOf, reachable, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { type PlanOptions, plan } from "../../src/graph/plan.ts";
import { fuse } from "../../src/graph/rewrites/fuse.ts";
import { quantise } from "../../src/graph/rewrites/quantise.ts";
import { isStatic, staticKey } from "../../src/graph/statics.ts";
import { type StoredWeight, WeightStore } from "../../src/graph/store.ts";
import { testDevice } from "../adapters.ts";
import { CPU, GPU } from "./traits.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });

/** What a run does, in order. */
function operations(graph: Graph): NodeOf<"op">[] {
  return reachable(graph).flatMap((value) => (value.node.kind === "op" && !isStatic(value) ? [value.node] : []));
}

/** A graph of x with one output, fused and quantised. */
function quantised(x: Spec, build: (x: Value, graph: Graph) => Value): NodeOf<"op">[] {
  const graph = new Graph();
  graph.output("y", build(graph.input("x", x), graph));
  return operations(quantise(fuse(graph)));
}

const types = ({ inputs }: NodeOf<"op">) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value && `${value.dtype} ${value.shape}`]));

/** torch.nn.Linear without a bias. */
function linear(x: Value, weight: Value): Value {
  return ops.matmul({ a: x, b: ops.transpose({ x: weight }, { padTo: 4 }) }, { n: weight.shape[0] as number });
}

describe("becomes int8", () => {
  it("the weight of a matmul with what was fused into it, a unit a column", () => {
    const nodes = quantised(f32(2, 6, 8), (x, g) => {
      const y = linear(x, g.weight("w", f32(10, 8)));
      return ops.unary({ x: y }, { kind: "gelu" });
    });
    expect(nodes).toHaveLength(1);
    expect(types(nodes[0] as NodeOf<"op">)).toEqual({ a: "f32 2,6,8", b: "i8 8,12", bScale: "f32 12" });
    expect(nodes[0]?.params).toEqual({ n: 10, activation: "gelu" });
  });

  it("a packed convolution, a unit a channel", () => {
    const nodes = quantised(f32(1, 6, 6, 5), (x, g) => ops.conv2d({ x, weight: g.weight("w", f32(7, 5, 3, 3)) }));
    expect(nodes.map(types)).toEqual([{ x: "f32 1,6,6,5", weight: "i8 45,8", weightScale: "f32 8" }]);
  });

  it("a table of embeddings, a unit a row", () => {
    const nodes = quantised({ dtype: "i32", shape: [3] }, (ids, g) =>
      ops.gather({ ids, table: g.weight("w", f32(9, 5)) }),
    );
    expect(nodes.map(types)).toEqual([{ ids: "i32 3", table: "i8 9,5", tableScale: "f32 9" }]);
  });

  it("a large table of positions, which the run gathers", () => {
    const nodes = quantised(f32(1024, 8), (x, g) => {
      const y = linear(x, g.weight("w", f32(256, 8)));
      return ops.binary({ a: y, b: g.weight("positions", f32(1024, 256)) }, { op: "add" });
    });
    expect(nodes.map(({ kernel }) => kernel.name)).toEqual(["gather", "matmul"]);
    expect(nodes.map(types)).toEqual([
      { ids: "u32 1024", table: "i8 1024,256", tableScale: "f32 1024" },
      { a: "f32 1024,8", b: "i8 8,256", bScale: "f32 256", residual: "f32 1024,256" },
    ]);
  });
});

describe("stays as it is", () => {
  it("what no run reads as a weight: operands of other kernels, small positions", () => {
    const nodes = quantised(f32(4, 8), (x, g) => ops.binary({ a: x, b: g.weight("w", f32(4, 8)) }, { op: "mul" }));
    expect(nodes.map(types)).toEqual([{ a: "f32 4,8", b: "f32 4,8" }]);
  });

  it("a product of two activations, and what is static as a whole", () => {
    const nodes = quantised(f32(4, 8), (x, g) => {
      const square = ops.matmul({ a: x, b: ops.transpose({ x }, { padTo: 4 }) });
      const fixed = linear(g.weight("v", f32(4, 8)), g.weight("w", f32(4, 8)));
      return ops.binary({ a: square, b: fixed }, { op: "mul" });
    });
    expect(nodes.flatMap(({ inputs }) => Object.values(inputs).map((value) => value?.dtype))).not.toContain("i8");
  });

  it("a depthwise convolution, and one of groups", () => {
    for (const [C, weight] of [
      [8, f32(8, 1, 3, 3)],
      [6, f32(6, 2, 3, 3)],
    ] as const) {
      const groups = C / (weight.shape[1] as number);
      const nodes = quantised(f32(1, 5, 5, C), (x, g) => ops.conv2d({ x, weight: g.weight("w", weight) }, { groups }));
      expect(nodes.at(-1)?.inputs.weight?.dtype).toBe("f32");
    }
  });

  it("f16 weights", () => {
    const nodes = quantised({ dtype: "f16", shape: [4, 8] }, (x, g) =>
      linear(x, g.weight("w", { dtype: "f16", shape: [4, 8] })),
    );
    expect(nodes[0]?.inputs.b?.dtype).toBe("f16");
  });
});

/** A stored matrix of small numbers. */
function stored(name: string, shape: readonly [number, number]): StoredWeight {
  const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i));
  return {
    name,
    dtype: "F32",
    shape,
    byteLength: data.byteLength,
    async *stream() {
      yield new Uint8Array(data.buffer);
    },
  };
}

describe("a plan of int8 weights", () => {
  const LAYERS = 6;
  const WIDTH = 256;
  const leftovers: { dispose(): void }[] = [];
  afterEach(() => {
    for (const each of leftovers.splice(0)) each.dispose();
  });

  function layers(): Graph {
    const graph = new Graph();
    let x = graph.input("x", f32(4, WIDTH));
    for (let i = 0; i < LAYERS; i++) x = linear(x, graph.weight(`layer.${i}`, f32(WIDTH, WIDTH)));
    graph.output("y", x);
    return graph;
  }

  const names = Array.from({ length: LAYERS }, (_, i) => `layer.${i}`);
  const tensors = new Map(names.map((name) => [name, stored(name, [WIDTH, WIDTH])]));
  const f32Bytes = WIDTH * WIDTH * 4;
  const int8Bytes = WIDTH * WIDTH + WIDTH * 4;

  it("says what its weights take, and shares them by key", () => {
    for (const device of [CPU, GPU]) {
      const [whole, small] = [plan(layers(), device), plan(layers(), device, { rewrites: [quantise] })];
      expect(whole.summary().weightBytes).toBe(LAYERS * f32Bytes);
      expect(small.summary().weightBytes).toBe(LAYERS * int8Bytes);
      expect(small.summary().dispatches).toBe(whole.summary().dispatches);
      expect([...small.statics.keys()]).toEqual(
        [...plan(layers(), device, { rewrites: [quantise] }).statics.values()].map(staticKey),
      );
    }
  });

  it("computes what f32 weights do, to within their rounding, with int8 positions too", async () => {
    const device = await testDevice();
    const build = () => {
      const graph = new Graph();
      const y = linear(graph.input("x", f32(1024, 64)), graph.weight("w", f32(256, 64)));
      graph.output("y", ops.binary({ a: y, b: graph.weight("positions", f32(1024, 256)) }, { op: "add" }));
      return graph;
    };
    const weights = [stored("w", [256, 64]), stored("positions", [1024, 256])];
    const source = { name: "layer", tensors: new Map(weights.map((weight) => [weight.name, weight])) };
    const x = Float32Array.from({ length: 1024 * 64 }, (_, i) => Math.cos(i * i) / 8);
    const run = async (options: PlanOptions) => {
      const planned = plan(build(), device, options);
      using store = new WeightStore(device, source);
      await store.load(planned.statics.values());
      using executor = await Executor.create(device, planned, store);
      return (await executor.run({ x })).y?.data ?? new Float32Array();
    };
    const [whole, small] = [await run({}), await run({ rewrites: [quantise] })];
    const largest = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = small.reduce((most, value, i) => Math.max(most, Math.abs(value - (whole[i] as number))), 0);
    expect(small.length).toBe(1024 * 256);
    expect(error / largest).toBeLessThanOrEqual(0.01);
    expect(error).toBeGreaterThan(0);
  });

  it("splits long products along K with the unit in each part", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(16, 2048));
    const residual = graph.input("residual", f32(16, 64));
    graph.output("y", ops.binary({ a: linear(x, graph.weight("w", f32(64, 2048))), b: residual }, { op: "add" }));
    const map = graph.input("map", f32(1, 7, 7, 256));
    graph.output("z", ops.conv2d({ x: map, weight: graph.weight("v", f32(64, 256, 3, 3)) }, { padding: 1 }));
    const { steps } = plan(graph, GPU, { rewrites: [quantise] });
    expect(steps.map(({ kernel }) => kernel.name).sort()).toEqual(["conv2d", "matmul", "splitSum", "splitSum"]);
  });

  it("takes its bytes on the GPU, and while loading one weight and what it becomes beside them", async () => {
    const device = await testDevice();
    const planned = plan(layers(), device, { rewrites: [quantise] });
    const before = device.memory.bytes;
    device.memory.peakBytes = before;
    const store = new WeightStore(device, { name: "layers", tensors });
    leftovers.push(store);
    await store.load(planned.statics.values());
    expect(store.bytes).toBe(LAYERS * int8Bytes);
    expect(device.memory.bytes - before).toBe(LAYERS * int8Bytes);
    expect(device.memory.peakBytes - before).toBeLessThanOrEqual(LAYERS * int8Bytes + 2 * f32Bytes + 4096);
    const executor = await Executor.create(device, planned, store);
    leftovers.push(executor);
    const { y } = await executor.run({ x: new Float32Array(4 * WIDTH).fill(1) });
    expect(y?.data.every(Number.isFinite)).toBe(true);
  });
});
