// Recording: shapes known at once, errors at the op that is wrong, views without work, and keys of what is static.
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/device/errors.ts";
import type { Spec } from "../../src/device/tensor.ts";
import { baseOf, Graph, reachable, sources } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { staticBytes, staticKey, staticValues, weightsOf } from "../../src/graph/statics.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });

describe("recording", () => {
  it("infers shape and type of every op", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(2, 5, 8));
    const weight = graph.weight("w", f32(6, 8));
    const packed = ops.transpose({ x: weight }, { padTo: 4 });
    expect(packed.shape).toEqual([8, 8]);
    const y = ops.matmul({ a: x, b: packed }, { n: 6 });
    expect([y.dtype, y.shape]).toEqual(["f32", [2, 5, 6]]);
    const half = ops.cast({ x: y }, { to: "f16" });
    expect([half.dtype, half.shape]).toEqual(["f16", [2, 5, 6]]);
    expect(ops.argmax({ x: y }).dtype).not.toBe("f32");
    expect(graph.values).toHaveLength(6);
    expect(sources(y)).toEqual([x, packed]);
  });

  it.each<[string, (graph: Graph) => unknown, string]>([
    [
      "a kernel's inputs that do not fit",
      (graph) =>
        ops.layerNorm(
          { x: graph.input("x", f32(2, 8)), gamma: graph.weight("g", f32(7)), beta: graph.weight("b", f32(8)) },
          { eps: 1e-5 },
        ),
      "[layerNorm] gamma has shape [7], expected [8]",
    ],
    [
      "a product of matrices that do not fit",
      (graph) => ops.matmul({ a: graph.input("a", f32(3, 5)), b: graph.input("b", f32(4, 8)) }),
      "[matmul] last axis of a must equal b's K: a [3, 5], b [4, 8]",
    ],
    [
      "reshape to another number of elements",
      (graph) => graph.reshape(graph.input("x", f32(2, 3)), [5]),
      "[reshape] [2, 3] has another number of elements than [5]",
    ],
    [
      "more rows than there are",
      (graph) => graph.firstRows(graph.input("x", f32(2, 3)), 3),
      "[firstRows] [2, 3] has fewer than 3 rows",
    ],
    [
      "a constant of another length",
      (graph) => graph.constant(f32(2, 2), new Float32Array(3)),
      "a constant [2, 2] takes 4 elements, got 3",
    ],
    [
      "a view of more than there is",
      (graph) => graph.view(graph.input("x", f32(2, 3)), [7]),
      "[view] [2, 3] has fewer elements than [7]",
    ],
    [
      "a reshape by PyTorch's -1",
      (graph) => graph.reshape(graph.input("x", f32(2, 3)), [-2, -3]),
      "[view] [-2, -3] is not a shape: expected whole numbers from 0",
    ],
    ["half an element", (graph) => graph.input("x", f32(0.5)), "[input] [0.5] is not a shape"],
  ])("%s: ShapeError, and no value of it is recorded", (_, record, message) => {
    const graph = new Graph();
    let error: unknown;
    try {
      record(graph);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ShapeError);
    expect((error as ShapeError).message).toContain(message);
    expect(graph.values.filter(({ node }) => node.kind === "op" || node.kind === "view")).toEqual([]);
  });

  it("a name is taken once", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(1));
    expect(() => graph.input("x", f32(1))).toThrow(new ArgumentError('the graph already has an input "x"'));
    graph.output("y", x);
    expect(() => graph.output("y", x)).toThrow(new ArgumentError('the graph already has an output "y"'));
  });
});

describe("views", () => {
  it("share the memory of what they look at, through any number of views", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(4, 6));
    const rows = graph.firstRows(graph.reshape(x, [8, 3]), 2);
    expect(rows.shape).toEqual([2, 3]);
    expect(baseOf(rows)).toBe(x);
    expect(baseOf(x)).toBe(x);
  });

  it("are the value itself where nothing changes", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(4, 6));
    expect(graph.reshape(x, [4, 6])).toBe(x);
    expect(graph.firstRows(x, 4)).toBe(x);
    expect(graph.values).toEqual([x]);
  });
});

it("reachable: what the outputs need, in the order of recording", () => {
  const graph = new Graph();
  const x = graph.input("x", f32(2, 4));
  ops.unary({ x }, { kind: "relu" }); // for nobody
  const y = ops.binary({ a: x, b: graph.reshape(x, [2, 4]) }, { op: "add" });
  const z = graph.reshape(y, [8]);
  graph.output("z", z);
  expect(reachable(graph)).toEqual([x, y, z]);
  expect(reachable(graph, [x])).toEqual([x]);
});

describe("statics", () => {
  const example = () => {
    const graph = new Graph();
    const x = graph.input("x", f32(2, 4));
    const w = graph.weight("w", f32(6, 4));
    const packed = ops.transpose({ x: graph.reshape(w, [6, 4]) }, { padTo: 4 });
    const one = graph.constant(f32(1), Float32Array.of(1));
    return { graph, x, w, packed, one, y: ops.matmul({ a: x, b: packed }, { n: 6 }) };
  };

  it("are weights, constants and what is made of them alone", () => {
    const { graph, w, packed, one } = example();
    expect([...staticValues(graph.values)]).toEqual([w, packed, one]);
    expect(weightsOf(packed)).toEqual([w]);
    expect(weightsOf(one)).toEqual([]);
  });

  it("have equal keys in two graphs of the same model", () => {
    const [a, b] = [example(), example()];
    for (const name of ["w", "packed", "one"] as const) expect(staticKey(a[name])).toBe(staticKey(b[name]));
    expect(() => staticKey(a.x)).toThrow(TypeError);
  });

  it("have different keys where anything differs", () => {
    const graph = new Graph();
    const w = graph.weight("w", f32(6, 4));
    const keys = [
      w,
      graph.weight("v", f32(6, 4)),
      graph.weight("w", f32(4, 6)),
      graph.weight("w", { dtype: "f16", shape: [6, 4] }),
      graph.weight("w", f32(6, 4), [0, 6]),
      graph.weight("w", f32(6, 4), [6, 12]),
      graph.reshape(w, [4, 6]),
      ops.transpose({ x: w }),
      ops.transpose({ x: w }, { padTo: 4 }),
      graph.constant(f32(2), Float32Array.of(0, 1)),
      graph.constant(f32(2), Float32Array.of(1, 0)),
      graph.constant({ dtype: "i32", shape: [2] }, Int32Array.of(1, 0)),
      graph.constant(f32(1, 2), Float32Array.of(1, 0)),
    ].map(staticKey);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("take the bytes of their elements", () => {
    const graph = new Graph();
    expect(staticBytes(graph.weight("w", { dtype: "f16", shape: [3, 5] }))).toBe(30);
    expect(staticBytes(graph.weight("w", f32(0, 5)))).toBe(0);
  });
});
