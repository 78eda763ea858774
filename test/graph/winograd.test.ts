// Winograd's convolutions: which ones a graph gets, that they compute what conv2d does, and where sessions use them.
import { describe, expect, it } from "vitest";
import type { AdapterClass } from "../../src/device/adapter.ts";
import { random } from "../../src/device/random.ts";
import type { Shape } from "../../src/device/tensor.ts";
import { Executor } from "../../src/graph/executor.ts";
import { Graph } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { plan } from "../../src/graph/plan.ts";
import { quantise } from "../../src/graph/rewrites/quantise.ts";
import { winograd } from "../../src/graph/rewrites/winograd.ts";
import { WeightStore } from "../../src/graph/store.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { Conv2dParams } from "../../src/kernels/convolution.ts";
import { planOptions } from "../../src/session/session.ts";
import { testDevice } from "../adapters.ts";
import { GPU } from "./traits.ts";

interface Layer {
  readonly x: Shape;
  readonly weight: Shape;
  readonly params?: Conv2dParams;
  readonly dtype?: "f32" | "f16";
}

/** relu(conv2d(x) + residual), of whose parts a plan makes one dispatch. */
function layer({ x: shape, weight, params = { padding: 1 }, dtype = "f32" }: Layer): Graph {
  const graph = new Graph();
  const x = graph.input("x", { dtype, shape });
  const bias = graph.weight("bias", { dtype, shape: weight.slice(0, 1) });
  const y = ops.conv2d({ x, weight: graph.weight("weight", { dtype, shape: weight }), bias }, params);
  const residual = graph.input("residual", { dtype, shape: y.shape });
  graph.output("y", ops.unary({ x: ops.binary({ a: y, b: residual }, { op: "add" }) }, { kind: "relu" }));
  return graph;
}

const kernelsOf = (graph: Graph, rewrites = [winograd]) =>
  plan(graph, GPU, { rewrites }).steps.map(({ kernel }) => kernel.name);

describe("a graph gets them", () => {
  const STEPS = ["winogradInput", "matmul", "winogradOutput"];
  const X = [2, 9, 7, 32];

  it("for 3x3 windows with stride 1, epilogue included", () => {
    expect(kernelsOf(layer({ x: X, weight: [16, 32, 3, 3] }))).toEqual(STEPS);
    expect(kernelsOf(layer({ x: X, weight: [16, 32, 3, 3] }), [])).toEqual(["conv2d"]);
  });

  it.each<[string, Omit<Layer, "x">]>([
    ["a stride", { weight: [16, 32, 3, 3], params: { stride: 2 } }],
    ["a dilation", { weight: [16, 32, 3, 3], params: { dilation: [1, 2] } }],
    ["groups", { weight: [32, 1, 3, 3], params: { groups: 32 } }],
    ["another window", { weight: [16, 32, 3, 5] }],
    ["channels that are no whole vec4s", { weight: [18, 32, 3, 3] }],
    ["half precision", { weight: [16, 32, 3, 3], dtype: "f16" }],
  ])("but not with %s", (_, rest) => {
    expect(kernelsOf(layer({ x: X, ...rest }))).toEqual(["conv2d"]);
  });

  it("but not for few channels, nor from int8 weights", () => {
    expect(kernelsOf(layer({ x: [1, 8, 8, 8], weight: [16, 8, 3, 3] }))).toEqual(["conv2d"]);
    expect(kernelsOf(layer({ x: X, weight: [16, 32, 3, 3] }), [quantise, winograd])).toEqual(["conv2d"]);
  });
});

it.each<Layer>([
  { x: [2, 9, 7, 16], weight: [20, 16, 3, 3] },
  { x: [1, 3, 3, 16], weight: [4, 16, 3, 3], params: {} },
  { x: [1, 14, 14, 64], weight: [64, 64, 3, 3], params: { padding: [1, 2] } },
])("they compute what conv2d does: %o", async (given) => {
  const device = await testDevice();
  const next = random(1);
  const numbers = (shape: Shape) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * next() - 1);
  const { weight } = given;
  const tensors = {
    weight: { dtype: "F32" as const, shape: weight, data: numbers(weight) },
    bias: { dtype: "F32" as const, shape: [weight[0] as number], data: numbers([weight[0] as number]) },
  };
  const checkpoint = await readSafetensors(writeSafetensors(tensors));
  const inputs = Object.fromEntries(
    [...plan(layer(given), device).inputs].map(([name, { value }]) => [name, numbers(value.shape)]),
  );
  const run = async (rewrites: (typeof winograd)[]) => {
    const planned = plan(layer(given), device, { rewrites });
    using store = new WeightStore(device, checkpoint);
    await store.load(planned.statics.values());
    using executor = await Executor.create(device, planned, store);
    return (await executor.run(inputs)).y?.data as Float32Array;
  };
  const [got, expected] = [await run([winograd]), await run([])];
  const largest = Math.max(...expected);
  expect(largest).toBeGreaterThan(1);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - (got[i] as number))))).toBeLessThan(3e-6 * largest);
});

const NECK: Layer = { x: [1, 64, 64, 256], weight: [256, 256, 3, 3] }; // SAM's
const WIDE: Layer = { x: [1, 56, 56, 64], weight: [64, 64, 3, 3] }; // a ResNet's first
const SMALL: Layer = { x: [1, 7, 7, 512], weight: [512, 512, 3, 3] }; // and its last

it.each([
  [0, [NECK, WIDE, SMALL]],
  [30, [NECK]],
  [60, []],
] as const)(
  "at a balance of %i FLOP a byte a graph gets those that are quicker by the roofline",
  (balance, quicker) => {
    const given = [NECK, WIDE, SMALL];
    expect(given.filter((one) => kernelsOf(layer(one), [(graph) => winograd(graph, balance)]).length === 3)).toEqual(
      quicker,
    );
  },
);

it.each<[AdapterClass, readonly Layer[]]>([
  ["cpu-lavapipe", [NECK, WIDE]],
  ["cpu-swiftshader", [NECK, WIDE]],
  ["apple", [NECK]],
  ["intel", [NECK]],
  ["qualcomm", [NECK]],
  ["nvidia", []],
  ["amd", []],
])("sessions use them on %s", async (adapter, expected) => {
  const { info } = await testDevice();
  const { rewrites } = await planOptions("f32", { info: { ...info, class: adapter } });
  expect([NECK, WIDE].filter((one) => kernelsOf(layer(one), [...(rewrites ?? [])]).length === 3)).toEqual(expected);
});

it("sessions with int8 weights quantise", async () => {
  const { info } = await testDevice();
  expect((await planOptions("q8", { info: { ...info, class: "nvidia" } })).rewrites).toEqual([quantise]);
});
