// Plans: order, places and costs, without a GPU; and what CLIP ViT-B/32 at its real size takes, from its table of
// contents alone.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/device/errors.ts";
import { random } from "../../src/device/random.ts";
import { bufferBytes, type Spec } from "../../src/device/tensor.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import type { Place } from "../../src/graph/placement.ts";
import { type Plan, plan } from "../../src/graph/plan.ts";
import { staticKey } from "../../src/graph/statics.ts";
import { clipText, clipVit } from "../../src/models/clip/model.ts";
import { clipConfig } from "../../src/models/clip/readConfig.ts";
import { preprocess } from "../../src/models/preprocess/preprocess.ts";
import { type TensorTable, Weights } from "../../src/models/weights.ts";
import { CPU, GPU } from "./traits.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });
const slotOf = (place: Place | undefined) => (place && "slot" in place ? place.slot : undefined);
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** Runs the plan with a tag for what each slot holds: every read must find the value that was meant. */
function simulate({ steps, inputs, outputs, slots }: Plan): void {
  const held: (Value | undefined)[] = slots.map(() => undefined);
  const baseOf = (value: Value): Value => (value.node.kind === "view" ? baseOf(value.node.of) : value);
  const expectHeld = (place: Place | undefined, value: Value | undefined, what: string) => {
    const slot = slotOf(place);
    if (slot !== undefined && value) expect(held[slot] === baseOf(value), what).toBe(true);
  };
  for (const { value, place } of inputs.values()) held[slotOf(place) as number] = value;
  for (const [i, { kernel, inputs: places, outputs: written, value }] of steps.entries()) {
    const names = kernel.inputs;
    const given = value.node.kind === "op" ? value.node.inputs : {};
    names.forEach((name, n) => {
      expectHeld(places[n], given[name], `step ${i} (${kernel.name}) reads ${name}`);
    });
    for (const [n, result] of value.graph.resultsOf(value).entries()) {
      const slot = slotOf(written[n]) as number;
      expect(places.map(slotOf), `step ${i} writes what it reads`).not.toContain(slot);
      expect(slots[slot], `step ${i}`).toBeGreaterThanOrEqual(bufferBytes(result));
      held[slot] = result;
    }
  }
  for (const [name, { value, place }] of outputs) expectHeld(place, value, `output ${name}`);
}

describe("plan", () => {
  it("needs an output", () => {
    const graph = new Graph();
    graph.input("x", f32(2));
    expect(() => plan(graph, GPU)).toThrow(ArgumentError);
  });

  it("drops what no output needs, and computes what is static at load", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(4, 8));
    const table = ops.unary({ x: graph.weight("table", f32(8)) }, { kind: "silu" });
    ops.softmax({ x });
    graph.output("y", ops.binary({ a: x, b: table }, { op: "mul" }));
    const planned = plan(graph, GPU);
    expect(planned.steps.map(({ kernel }) => kernel.name)).toEqual(["binary"]);
    expect([...planned.statics]).toEqual([[expect.stringContaining("unary(table"), expect.anything()]]);
    simulate(planned);
  });

  it("gives views no step and the place of what they look at", () => {
    const graph = new Graph();
    const x = graph.input("x", f32(4, 8));
    const w = graph.weight("w", f32(3, 8));
    graph.output("first", graph.firstRows(x, 2));
    graph.output("flat", graph.reshape(w, [24]));
    const planned = plan(graph, GPU);
    expect(planned.steps).toEqual([]);
    expect(planned.outputs.get("first")?.place).toEqual(planned.inputs.get("x")?.place);
    expect(planned.outputs.get("first")?.value.shape).toEqual([2, 8]);
    expect(planned.outputs.get("flat")?.place).toEqual({ key: staticKey(w) });
  });

  it("has no step for an empty tensor", () => {
    const graph = new Graph();
    graph.output("y", ops.unary({ x: graph.input("x", f32(0, 8)) }, { kind: "relu" }));
    const { steps, outputs } = plan(graph, GPU);
    expect(steps).toEqual([]);
    expect(outputs.get("y")?.value.shape).toEqual([0, 8]);
  });

  it("alternates between two buffers along a chain, and keeps what a later step needs", () => {
    const graph = new Graph();
    const first = graph.input("x", f32(64));
    let x = first;
    for (let i = 0; i < 10; i++) x = ops.unary({ x }, { kind: "relu" });
    graph.output("y", x);
    expect(plan(graph, GPU).slots).toEqual([256, 256]);
    const kept = new Graph();
    const source = kept.input("x", f32(64));
    let y = source;
    for (let i = 0; i < 10; i++) y = ops.unary({ x: y }, { kind: "relu" });
    kept.output("y", ops.binary({ a: y, b: source }, { op: "add" }));
    expect(plan(kept, GPU).slots).toEqual([256, 256, 256]);
  });

  it("a summary counts equal pipelines once", () => {
    const graph = new Graph();
    let x = graph.input("x", f32(16, 16));
    for (let i = 0; i < 3; i++) x = ops.softmax({ x });
    graph.output("y", ops.unary({ x }, { kind: "relu" }));
    expect(plan(graph, GPU).summary()).toMatchObject({ dispatches: 4, pipelines: 2, weightBytes: 0 });
  });
});

describe("random graphs (seeded)", () => {
  /** Up to 40 ops over whatever came before, some of it as views, with a few outputs. */
  function randomGraph(seed: number): Graph {
    const next = random(seed);
    const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
    const graph = new Graph();
    const values: Value[] = [graph.input("a", f32(4, 8)), graph.input("b", f32(4, 8)), graph.weight("w", f32(4, 8))];
    const square = ops.transpose({ x: graph.weight("square", f32(8, 8)) }, { padTo: 4 });
    const makers = [
      () => ops.unary({ x: pick(values) }, { kind: "relu" }),
      () => ops.binary({ a: pick(values), b: pick(values) }, { op: "add" }),
      () => ops.binary({ a: pick(values), b: pick(values) }, { op: "mul" }),
      () => ops.softmax({ x: graph.reshape(graph.reshape(pick(values), [32]), [4, 8]) }),
      () => ops.matmul({ a: pick(values), b: square }),
      () =>
        ops.narrow(
          { x: ops.concat({ a: pick(values), b: pick(values) }, { axis: 0 }) },
          { axis: 0, start: 2, length: 4 },
        ),
    ];
    const count = 1 + Math.floor(next() * 40);
    for (let i = 0; i < count; i++) values.push(pick(makers)());
    for (let i = 0; i < 1 + Math.floor(next() * 3); i++) graph.output(`y${i}`, graph.reshape(pick(values), [8, 4]));
    return graph;
  }

  it.each([
    ["GPU", GPU],
    ["CPU", CPU],
  ])("%s: no step reads what another has overwritten, nor writes what it reads", (_, device) => {
    for (let seed = 0; seed < 150; seed++) {
      const planned = plan(randomGraph(seed), device);
      simulate(planned);
      expect(sum(planned.slots), `seed ${seed}`).toBeGreaterThanOrEqual(planned.liveBytes);
    }
  });
});

describe("CLIP ViT-B/32", async () => {
  const folder = "test/golden/clip-vit-base-patch32";
  const rows = JSON.parse(await readFile(`${folder}/manifest.json`, "utf8")) as { name: string; shape: number[] }[];
  const table: TensorTable = {
    name: "manifest.json",
    tensors: new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }])),
  };
  const config = clipConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));

  const image = (dtype: "f32" | "f16", batch = 1) => {
    const graph = new Graph();
    const pixels = graph.input("pixels", { dtype, shape: [batch, 224, 224, 3] });
    const { embeds } = clipVit(pixels, Weights.of(graph, table, dtype), config.vision);
    graph.output("embeds", ops.l2Normalize({ x: embeds }));
    return graph;
  };

  const preparing = () => {
    const graph = new Graph();
    const photo = graph.input("image", { dtype: "u32", shape: [480, 640] });
    const values = { rescale: 1 / 255, mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] } as const;
    const recipe = { resize: 224, resample: "bicubic", crop: [224, 224], ...values } as const;
    graph.output("pixels", preprocess(photo, recipe, "f32"));
    return graph;
  };

  it.each([
    ["GPU", GPU],
    ["CPU", CPU],
  ])("%s: one photo of 640 x 480 takes at most 96 dispatches and 20 pipelines", (_, device) => {
    const [tower, preparation] = [plan(image("f32"), device), plan(preparing(), device)];
    const [a, b] = [tower.summary(), preparation.summary()];
    expect(a.dispatches + b.dispatches).toBeLessThanOrEqual(96);
    expect(a.pipelines + b.pipelines).toBeLessThanOrEqual(20);
    simulate(tower);
    simulate(preparation);
  });

  it.each([
    ["one picture, f32", "f32", 1],
    ["one picture, f16", "f16", 1],
    ["eight pictures", "f32", 8],
  ] as const)("%s: buffers within 1.3x of the largest live set", (_, dtype, batch) => {
    const { activationBytes, liveBytes } = plan(image(dtype, batch), GPU).summary();
    expect(activationBytes).toBeGreaterThanOrEqual(liveBytes);
    expect(activationBytes).toBeLessThanOrEqual(1.3 * liveBytes);
  });

  it("costs what its shapes say", () => {
    const { flops, weightBytes } = plan(image("f32"), GPU).summary();
    const [tokens, width, layers] = [50, 768, 12];
    const products = layers * (12 * tokens * width ** 2 + 2 * tokens ** 2 * width) + 49 * 3072 * width + 512 * width;
    expect(flops / (2 * products)).toBeCloseTo(1, 2);
    const vision = rows.filter(({ name }) => /^vis(ion_model|ual_projection)/.test(name));
    const stored = sum(vision.map(({ shape }) => 4 * shape.reduce((a, b) => a * b, 1)));
    expect(weightBytes / stored).toBeCloseTo(1, 2);
    expect(plan(image("f16"), GPU).summary().weightBytes / stored).toBeCloseTo(0.5, 2);
  });

  it("the text tower of full length, with a vocabulary in one table", () => {
    const graph = new Graph();
    const ids = graph.input("ids", { dtype: "i32", shape: [32, 77] });
    const end = graph.input("end", { dtype: "i32", shape: [32] });
    graph.output("embeds", clipText(ids, end, Weights.of(graph, table, "f32"), config.text).embeds);
    const planned = plan(graph, CPU);
    simulate(planned);
    const { dispatches, activationBytes, liveBytes } = planned.summary();
    expect(dispatches).toBeLessThanOrEqual(90);
    expect(activationBytes).toBeLessThanOrEqual(1.3 * liveBytes);
  });
});
