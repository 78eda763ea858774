// What Winograd's algorithm would save and cost a GPU, by the roofline: of each 3x3 convolution with stride 1 of the
// models, its arithmetic and bytes, and those of the three steps that take its place. Nothing is run or timed. Prints
// bench/results/winograd.md: `node scripts/withAdapter.mjs bench/winograd.ts >bench/results/winograd.md`.

import { storedOrSeeded } from "../src/check/seeded.ts";
import { openDevice } from "../src/device/open.ts";
import { byteLength, formatShape, type Shape } from "../src/device/tensor.ts";
import { Graph, type NodeOf, type Value } from "../src/graph/graph.ts";
import * as ops from "../src/graph/ops.ts";
import { plan, type Step } from "../src/graph/plan.ts";
import { winograd } from "../src/graph/rewrites/winograd.ts";
import type { Conv2dParams } from "../src/kernels/convolution.ts";
import { allFamilies } from "../src/models/families.ts";
import { graphOf } from "../src/models/part.ts";
import { Weights } from "../src/models/weights.ts";
import { recognizeModel } from "../src/session/pretrained.ts";
import { COMPILED } from "./compile.ts";

/** FLOP that a GPU does in the time of a byte from its memory. */
const BALANCES = [30, 60];

interface Convolution {
  readonly model: string;
  readonly x: Shape;
  /** Channels of the result. */
  readonly O: number;
  readonly count: number;
}

const device = await openDevice();

/** The 3x3 convolutions with stride 1 of a model, alike ones together. */
async function convolutionsOf(name: string): Promise<Convolution[]> {
  const { checkpoint, model } = await recognizeModel(allFamilies(), `test/golden/${name}`, {}, storedOrSeeded);
  const convolutions = new Map<string, Convolution>();
  for (const { part } of Object.values(model.examples("f32"))) {
    const graph = graphOf(part, (into) => Weights.of(into, checkpoint, "f32", model.naming));
    for (const { kernel, value } of plan(graph, device).steps) {
      if (kernel.name !== "conv2d") continue;
      const { inputs, params } = value.node as NodeOf<"op">;
      const { packed = [], groups = 1, stride = 1 } = params as Conv2dParams;
      const [O = 0, , KH, KW] = packed;
      if (KH !== 3 || KW !== 3 || groups !== 1 || [stride].flat().some((n) => n !== 1)) continue;
      const x = (inputs.x as Value).shape;
      const key = `${x} ${O}`;
      convolutions.set(key, { model: COMPILED[name] as string, x, O, count: (convolutions.get(key)?.count ?? 0) + 1 });
    }
  }
  await checkpoint.close();
  return [...convolutions.values()];
}

/** The steps of one convolution, with its bias. */
function stepsOf({ x, O }: Convolution, rewrites: Parameters<typeof plan>[2]): readonly Step[] {
  const graph = new Graph();
  const C = x[3] as number;
  const weight = graph.constant({ dtype: "f32", shape: [O, C, 3, 3] }, new Float32Array(O * C * 9));
  const bias = graph.input("bias", { dtype: "f32", shape: [O] });
  const given = graph.input("x", { dtype: "f32", shape: x });
  graph.output("y", ops.conv2d({ x: given, weight, bias }, { padding: 1 }));
  return plan(graph, device, rewrites).steps;
}

/** What steps read and write; weights are computed once, at load. */
function costs(steps: readonly Step[]) {
  return steps.map(({ value, flops }) => {
    const { inputs } = value.node as NodeOf<"op">;
    const read = Object.values(inputs).reduce((sum, input) => sum + (input ? byteLength(input) : 0), 0);
    return { flops, bytes: read + byteLength(value) };
  });
}

type Cost = ReturnType<typeof costs>[number];

/** How long steps take, in the time of a byte: each by its arithmetic or its bytes, whichever takes longer. */
function timeOf(steps: readonly Cost[], balance: number): number {
  return steps.reduce((sum, { flops, bytes }) => sum + Math.max(flops / balance, bytes), 0);
}

function row(convolution: Convolution): string {
  const direct = costs(stepsOf(convolution, {}));
  const transformed = costs(stepsOf(convolution, { rewrites: [winograd] }));
  const all = [direct, transformed];
  const sum = (key: keyof Cost) => all.map((steps) => steps.reduce((total, step) => total + step[key], 0) / 1e6);
  const ratio = (balance: number) => {
    const isTaken = stepsOf(convolution, { rewrites: [(graph) => winograd(graph, balance)] }).length > 1;
    const times = (timeOf(transformed, balance) / timeOf(direct, balance)).toFixed(2);
    return isTaken ? `**${times}**` : times;
  };
  const { model, x, O, count } = convolution;
  return [
    model,
    `${count} x ${formatShape(x)} to ${O}`,
    ...[sum("flops"), sum("bytes")].map((pair) => pair.map((n) => n.toFixed(1)).join(" → ")),
    ...BALANCES.map(ratio),
  ].join(" | ");
}

console.log(`# Winograd on GPUs: what it would save and cost

Of each 3x3 convolution with stride 1: millions of FLOP and of bytes that it reads and writes in f32, as one convolution
and by F(2x2, 3x3) in its three steps, and how long those take by the roofline in units of the one convolution, on a GPU
that does ${BALANCES.join(" or ")} FLOP in the time of a byte from its memory. Apple's, Intel's and Qualcomm's GPUs are
near ${BALANCES[0]}, and take those in bold; AMD's and NVIDIA's are near ${BALANCES[1]} and beyond. Caches are not
counted, which hold the tiles of small maps. In f16 no convolution is made so, as its tiles would lose digits. Nothing
was run: \`node scripts/withAdapter.mjs bench/winograd.ts\` makes this page.
`);
const head = ["model", "convolutions", "MFLOP", "MB", ...BALANCES.map((balance) => `time at ${balance}`)];
for (const cells of [head, head.map(() => "---")]) console.log(`| ${cells.join(" | ")} |`);
for (const name of Object.keys(COMPILED)) {
  for (const convolution of await convolutionsOf(name)) console.log(`| ${row(convolution)} |`);
}
device.destroy();
