// Fusions: what disappears into a matmul and what must not. That fused graphs compute the same is in executor.test.ts.
import { describe, expect, it } from "vitest";
import type { Spec } from "../../src/device/tensor.ts";
import { Graph, type NodeOf, reachable, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { fuse } from "../../src/graph/rewrites/fuse.ts";
import { lower } from "../../src/graph/rewrites/lower.ts";
import { staticValues } from "../../src/graph/statics.ts";
import { CPU, GPU } from "./traits.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });

type Op = NodeOf<"op"> & { readonly params: Readonly<Record<string, unknown>> };

/** The operations that a run makes, in order. */
function operations(graph: Graph): Op[] {
  const values = reachable(graph);
  const statics = staticValues(values);
  return values.flatMap((value) => (value.node.kind === "op" && !statics.has(value) ? [value.node as Op] : []));
}

const names = (graph: Graph) => operations(graph).map(({ kernel }) => kernel.name);

/** torch.nn.Linear under the names `name`.weight and `name`.bias. */
function linear(x: Value, name: string, columns: number, bias = true): Value {
  const weight = x.graph.weight(`${name}.weight`, f32(columns, x.shape.at(-1) as number));
  return ops.matmul(
    {
      a: x,
      b: ops.transpose({ x: weight }, { padTo: 4 }),
      bias: bias ? x.graph.weight(`${name}.bias`, f32(columns)) : undefined,
    },
    { n: columns },
  );
}

/** A graph of x [2, 6, 8] with one output, fused. */
function fused(build: (x: Value, graph: Graph) => Value): Graph {
  const graph = new Graph();
  graph.output("y", build(graph.input("x", f32(2, 6, 8)), graph));
  return fuse(graph);
}

describe("into the matmul before it", () => {
  it("an activation", () => {
    const graph = fused((x) => ops.unary({ x: linear(x, "fc1", 10) }, { kind: "quickGelu" }));
    expect(names(graph)).toEqual(["matmul"]);
    expect(operations(graph)[0]?.params).toMatchObject({ activation: "quickGelu", n: 10 });
  });

  it("a layer scale, and the residual after it", () => {
    const graph = fused((x, g) => {
      const scaled = ops.binary({ a: linear(x, "fc", 8), b: g.weight("gamma", f32(8)) }, { op: "mul" });
      return ops.binary({ a: x, b: scaled }, { op: "add" });
    });
    expect(names(graph)).toEqual(["matmul"]);
    const { scale, residual } = operations(graph)[0]?.inputs ?? {};
    expect([scale?.shape, residual?.shape]).toEqual([[8], [2, 6, 8]]);
  });

  it.each<[string, boolean]>([
    ["before", true],
    ["after", false],
  ])("a residual %s the plus", (_, isFirst) => {
    const graph = fused((x) => {
      const product = linear(x, "fc", 8);
      return ops.binary(isFirst ? { a: x, b: product } : { a: product, b: x }, { op: "add" });
    });
    expect(names(graph)).toEqual(["matmul"]);
  });

  it("an activation after a residual or a scale, apart from one before it: act(x·W + x) is not act(x·W) + x", () => {
    const afterResidual = fused((x) =>
      ops.unary({ x: ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "add" }) }, { kind: "relu" }),
    );
    const afterScale = fused((x, g) => {
      const scaled = ops.binary({ a: linear(x, "fc", 8), b: g.weight("gamma", f32(8)) }, { op: "mul" });
      return ops.unary({ x: scaled }, { kind: "relu" });
    });
    for (const graph of [afterResidual, afterScale]) {
      expect(names(graph)).toEqual(["matmul"]);
      expect(operations(graph)[0]?.params).toMatchObject({ outputActivation: "relu" });
      expect(operations(graph)[0]?.params).not.toHaveProperty("activation");
    }
  });

  it("a residual that repeats down the rows: position embeddings", () => {
    const graph = fused((x, g) =>
      ops.binary({ a: linear(x, "fc", 4), b: g.weight("positions", f32(6, 4)) }, { op: "add" }),
    );
    expect(names(graph)).toEqual(["matmul"]);
    expect(operations(graph)[0]?.inputs.residual?.shape).toEqual([6, 4]);
  });

  it("an activation and then a residual: gelu(x·W) + x", () => {
    const graph = fused((x) =>
      ops.binary({ a: ops.unary({ x: linear(x, "fc", 8) }, { kind: "gelu" }), b: x }, { op: "add" }),
    );
    expect(names(graph)).toEqual(["matmul"]);
    expect(operations(graph)[0]?.params).toMatchObject({ activation: "gelu" });
  });
});

describe("not", () => {
  it("a product that something else reads", () => {
    const graph = fused((x) => {
      const product = linear(x, "fc", 8);
      return ops.binary({ a: ops.unary({ x: product }, { kind: "relu" }), b: product }, { op: "mul" });
    });
    expect(names(graph)).toEqual(["matmul", "unary", "binary"]);
  });

  it("a product that is an output by itself", () => {
    const graph = new Graph();
    const product = linear(graph.input("x", f32(3, 8)), "fc", 8);
    graph.output("raw", product);
    graph.output("y", ops.unary({ x: product }, { kind: "relu" }));
    expect(names(fuse(graph))).toEqual(["matmul", "unary"]);
  });

  it("a product that is an output through a view", () => {
    const graph = new Graph();
    const product = linear(graph.input("x", f32(3, 8)), "fc", 8);
    graph.output("raw", graph.reshape(product, [24]));
    graph.output("y", ops.unary({ x: product }, { kind: "relu" }));
    expect(names(fuse(graph))).toEqual(["matmul", "unary"]);
  });

  it("a product added to itself", () => {
    const graph = fused((x) => {
      const product = linear(x, "fc", 8);
      return ops.binary({ a: product, b: product }, { op: "add" });
    });
    expect(names(graph)).toEqual(["matmul", "binary"]);
  });

  it("a second activation, scale or residual", () => {
    const twice = fused((x) => {
      const once = ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "add" });
      return ops.binary({ a: once, b: x }, { op: "add" });
    });
    expect(names(twice)).toEqual(["matmul", "binary"]);
    const thrice = fused((x) => {
      const residual = ops.binary({ a: ops.unary({ x: linear(x, "fc", 8) }, { kind: "gelu" }), b: x }, { op: "add" });
      return ops.unary({ x: ops.unary({ x: residual }, { kind: "relu" }) }, { kind: "tanh" });
    });
    expect(names(thrice)).toEqual(["matmul", "unary"]);
    const late = fused((x) => {
      const done = ops.unary({ x: ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "add" }) }, { kind: "relu" });
      return ops.binary({ a: done, b: x }, { op: "add" });
    });
    expect(names(late)).toEqual(["matmul", "binary"]);
  });

  it("a scale after a residual, or one that is not one factor a channel", () => {
    const late = fused((x, g) => {
      const sum = ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "add" });
      return ops.binary({ a: sum, b: g.weight("gamma", f32(8)) }, { op: "mul" });
    });
    expect(names(late)).toEqual(["matmul", "binary"]);
    const wide = fused((x, g) => ops.binary({ a: linear(x, "fc", 8), b: g.weight("gamma", f32(6, 8)) }, { op: "mul" }));
    expect(names(wide)).toEqual(["matmul", "binary"]);
  });

  it("a sum in which the product is what repeats", () => {
    const graph = new Graph();
    const product = linear(graph.input("x", f32(1, 8)), "fc", 8);
    graph.output("y", ops.binary({ a: graph.input("many", f32(5, 8)), b: product }, { op: "add" }));
    expect(names(fuse(graph))).toEqual(["matmul", "binary"]);
  });

  it("a difference, or a sum with an activation of its own", () => {
    const minus = fused((x) => ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "sub" }));
    expect(names(minus)).toEqual(["matmul", "binary"]);
    const relu = fused((x) => ops.binary({ a: linear(x, "fc", 8), b: x }, { op: "add", activation: "relu" }));
    expect(names(relu)).toEqual(["matmul", "binary"]);
  });
});

describe("q, k and v", () => {
  it("become one product, which attention reads by stride", () => {
    const graph = fused((x) => {
      const [q, k, v] = [linear(x, "q", 8), linear(x, "k", 8, false), linear(x, "v", 8)];
      return ops.attention({ q, k, v }, { heads: 2, causal: true });
    });
    expect(names(graph)).toEqual(["matmul", "attention"]);
    const [product, attention] = operations(graph);
    expect(product?.params).toMatchObject({ n: 24 });
    expect(product?.inputs.bias?.shape).toEqual([24]); // zeros where one has no bias
    expect(attention?.params).toMatchObject({ heads: 2, causal: true, channels: 8, kOffset: 8, vOffset: 16 });
    const { q, k, v } = attention?.inputs ?? {};
    expect([k, v]).toEqual([q, q]);
  });

  it.each<[string, (x: Value, other: Value) => Value]>([
    [
      "of two sources (cross attention)",
      (x, other) =>
        ops.attention({ q: linear(x, "q", 8), k: linear(other, "k", 8), v: linear(other, "v", 8) }, { heads: 2 }),
    ],
    [
      "of which one has an activation",
      (x) => {
        const k = ops.unary({ x: linear(x, "k", 8) }, { kind: "relu" });
        return ops.attention({ q: linear(x, "q", 8), k, v: linear(x, "v", 8) }, { heads: 2 });
      },
    ],
    [
      "of which one is read twice",
      (x) => {
        const q = linear(x, "q", 8);
        return ops.binary(
          { a: ops.attention({ q, k: linear(x, "k", 8), v: linear(x, "v", 8) }, { heads: 2 }), b: q },
          { op: "add" },
        );
      },
    ],
  ])("%s stay three", (_, build) => {
    const graph = new Graph();
    graph.output("y", build(graph.input("x", f32(2, 6, 8)), graph.input("other", f32(2, 6, 8))));
    expect(names(fuse(graph)).filter((name) => name === "matmul")).toHaveLength(3);
  });
});

it("keeps inputs, outputs, shapes and the graph it was given", () => {
  const graph = new Graph();
  const x = graph.input("x", f32(3, 8));
  const y = ops.unary({ x: linear(x, "fc", 8) }, { kind: "relu" });
  graph.output("y", y);
  graph.output("same", graph.reshape(x, [24]));
  const recorded = [...graph.values];
  const next = fuse(graph);
  expect(graph.values).toEqual(recorded);
  expect([...next.outputs].map(([name, { shape }]) => [name, shape])).toEqual([
    ["y", [3, 8]],
    ["same", [24]],
  ]);
  expect(next.values.filter(({ node }) => node.kind === "input")).toHaveLength(1);
});

describe("convolutions", () => {
  /** A ResNet's branch over x [1, 7, 7, C] with 3x3 weights, then the residual and ReLU. */
  const branch = (C: number, size: number, params: object = {}) => {
    const graph = new Graph();
    const x = graph.input("x", f32(1, 7, 7, C));
    const weight = graph.weight("conv.weight", f32(C, C, size, size));
    const y = ops.conv2d({ x, weight, bias: graph.weight("conv.bias", f32(C)) }, params);
    graph.output("y", ops.unary({ x: ops.binary({ a: y, b: x }, { op: "add" }) }, { kind: "relu" }));
    return fuse(graph);
  };

  it("of one pixel are matmuls, with the same epilogue", () => {
    const graph = branch(8, 1);
    expect(names(graph)).toEqual(["matmul"]);
    expect(operations(graph)[0]?.params).toMatchObject({ n: 8, outputActivation: "relu" });
  });

  it("take bias, residual and ReLU, with weights packed at load", () => {
    const graph = branch(8, 3, { padding: 1 });
    expect(names(graph)).toEqual(["conv2d"]);
    const [conv] = operations(graph);
    expect(conv?.params).toMatchObject({ packed: [8, 8, 3, 3], outputActivation: "relu" });
    expect([conv?.inputs.weight?.shape, conv?.inputs.residual?.shape]).toEqual([
      [72, 8],
      [1, 7, 7, 8],
    ]);
  });

  it("take a residual of their shape or one that repeats for each picture, and no other", () => {
    const convAndSum = (...residual: number[]) => {
      const graph = new Graph();
      const x = graph.input("x", f32(2, 7, 7, 8));
      const weight = graph.weight("conv.weight", f32(8, 8, 3, 3));
      const y = ops.conv2d({ x, weight }, { padding: 1 });
      graph.output("y", ops.binary({ a: y, b: graph.weight("r", f32(...residual)) }, { op: "add" }));
      return names(fuse(graph));
    };
    expect(convAndSum(2, 7, 7, 8)).toEqual(["conv2d"]);
    expect(convAndSum(7, 7, 8)).toEqual(["conv2d"]);
    expect(convAndSum(2, 1, 7, 8)).toEqual(["conv2d", "binary"]);
    expect(convAndSum(7, 1, 8)).toEqual(["conv2d", "binary"]);
  });

  it("take layer scale, as every product does", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(1, 7, 7, 8));
    const y = ops.conv2d({ x, weight: graph.weight("conv.weight", f32(8, 8, 3, 3)) }, { padding: 1 });
    graph.output("y", ops.binary({ a: y, b: graph.weight("gamma", f32(8)) }, { op: "mul" }));
    const [conv] = operations(fuse(graph));
    expect(conv?.kernel.name).toBe("conv2d");
    expect(conv?.inputs.scale?.shape).toEqual([8]);
  });

  it("are split on a GPU where there are few tiles", () => {
    const graph = branch(256, 3, { padding: 1 });
    const [conv, sum] = operations(lower(graph, GPU));
    expect([conv?.kernel.name, sum?.kernel.name]).toEqual(["conv2d", "splitSum"]);
    expect(sum?.params).toEqual({ outputActivation: "relu" });
    expect(names(lower(graph, CPU))).toEqual(["conv2d"]);
  });
});

describe("lower: a product with few tiles and a long K", () => {
  const build = () => {
    const graph = new Graph();
    const x = graph.input("x", f32(32, 2048));
    graph.output("y", ops.binary({ a: linear(x, "fc", 64), b: graph.weight("r", f32(32, 64)) }, { op: "add" }));
    return fuse(graph);
  };

  it("is split along K on a GPU, with the epilogue after the sum", () => {
    const [product, sum, ...rest] = operations(lower(build(), GPU));
    expect([product?.kernel.name, sum?.kernel.name, rest]).toEqual(["matmul", "splitSum", []]);
    expect(Number(product?.params.splits)).toBeGreaterThan(1);
    expect(Object.keys(product?.inputs ?? {})).toEqual(["a", "b"]);
    expect([sum?.inputs.bias?.shape, sum?.inputs.residual?.shape]).toEqual([[64], [32, 64]]);
  });

  it("is left whole on a CPU", () => {
    expect(names(lower(build(), CPU))).toEqual(["matmul"]);
  });
});
