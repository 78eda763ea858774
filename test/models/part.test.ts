// What stands for a part among kept plans: derived from its settings, equal for equal ones and for no others.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/device/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { definePart, graphOf } from "../../src/models/part.ts";
import { Weights } from "../../src/models/weights.ts";

const scaled = definePart({
  name: "scaled",
  inputs: ({ length }: { length: number; factor?: unknown; more?: unknown }) => ({
    x: { dtype: "f32", shape: [length] },
  }),
  record: ({ x }) => ({ y: ops.binary({ a: x, b: x }, { op: "add" }) }),
});

describe("the key of a part", () => {
  it("is the same for equal settings, in whatever order they are written", () => {
    const a = scaled({ length: 4, more: { a: 1, b: [1, 2] } });
    const b = scaled({ more: { b: [1, 2], a: 1 }, length: 4 });
    expect(a.key).toBe(b.key);
    expect(scaled({ length: 4, factor: undefined }).key).toBe(scaled({ length: 4 }).key);
  });

  it("differs wherever settings do, also where JSON would not tell them apart", () => {
    const values = [
      null,
      0,
      -0,
      1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "1",
      "NaN",
      true,
      [],
      {},
      [[]],
      [1, 2],
      ["1,2"],
    ];
    const keys = values.map((factor) => scaled({ length: 4, factor }).key);
    expect(new Set(keys).size).toBe(values.length);
  });

  it("refuses what is no plain data, as two of it could not be told apart", () => {
    for (const factor of [() => 1, new Float32Array(2), new Map(), new Date(0), Symbol("x")]) {
      expect(() => scaled({ length: 4, factor })).toThrow(ArgumentError);
    }
  });
});

it("records its inputs and outputs by their names", () => {
  const empty = { name: "", tensors: new Map() };
  const graph = graphOf(scaled({ length: 4 }), (into) => Weights.of(into, empty, "f32"));
  expect(graph).toBeInstanceOf(Graph);
  expect([...graph.outputs.keys()]).toEqual(["y"]);
  expect(graph.outputs.get("y")?.shape).toEqual([4]);
});
