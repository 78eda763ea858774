// What a linear probe minimises, scikit-learn's objective: the mean cross-entropy plus |coef|² / (2 C N), the intercept
// free. Logits and the gradient's long sum are computed on the GPU, the loss on the host in float64.
import type { Device } from "../device/device.ts";
import type { NdArray } from "../device/tensor.ts";
import { Executor } from "../graph/executor.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import { plan } from "../graph/plan.ts";
import { WeightStore } from "../graph/store.ts";
import type { ClassLabels } from "./classLabels.ts";
import type { Rows } from "./featureRows.ts";
import type { Evaluation } from "./lbfgs.ts";
import { softmax } from "./softmax.ts";

/** Loss and gradient of a probe at given parameters: coef row by row, then the intercepts. */
export class ProbeObjective {
  readonly #rows: Rows;
  readonly #labels: ClassLabels;
  readonly #strength: number;
  readonly #store: WeightStore;
  readonly #executor: Executor;

  private constructor(rows: Rows, labels: ClassLabels, strength: number, store: WeightStore, executor: Executor) {
    this.#rows = rows;
    this.#labels = labels;
    this.#strength = strength;
    this.#store = store;
    this.#executor = executor;
  }

  static async create(device: Device, rows: Rows, labels: ClassLabels, C: number): Promise<ProbeObjective> {
    const objectivePlan = plan(probeGraph(rows, labels), device);
    const store = new WeightStore(device, { name: "linear probe", tensors: new Map() });
    try {
      await store.load(objectivePlan.statics.values());
      // scikit-learn fits one vector for two classes; of the two here each is half of it, so their squares count twice.
      const strength = (labels.classes.length === 2 ? 2 : 1) / (C * rows.count);
      return new ProbeObjective(rows, labels, strength, store, await Executor.create(device, objectivePlan, store));
    } catch (error) {
      store.dispose();
      throw error;
    }
  }

  async evaluate(x: Float64Array): Promise<Evaluation> {
    const { count, channels } = this.#rows;
    const classes = this.#labels.classes.length;
    const coef = x.subarray(0, classes * channels);
    const run = await this.#executor.run({
      weight: packed(coef, classes, channels),
      bias: Float32Array.from(x.subarray(classes * channels)),
    });
    const gradient = new Float64Array(x.length);
    const sums = (run.gradient as NdArray).data;
    let penalty = 0;
    coef.forEach((value, i) => {
      penalty += (this.#strength / 2) * value * value;
      gradient[i] = (sums[i] as number) / count + this.#strength * value;
    });
    const loss = this.#crossEntropy((run.logits as NdArray).data, gradient.subarray(classes * channels));
    return { value: loss + penalty, gradient };
  }

  dispose(): void {
    this.#executor.dispose();
    this.#store.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Mean cross-entropy, and its gradient by the intercepts. */
  #crossEntropy(logits: Float32Array, gradient: Float64Array): number {
    const { classes, indices } = this.#labels;
    const width = classes.length;
    const count = indices.length;
    let loss = 0;
    indices.forEach((label, row) => {
      const { probabilities, logSum } = softmax(Float64Array.from(logits.subarray(row * width, (row + 1) * width)));
      loss += (logSum - (logits[row * width + label] as number)) / count;
      probabilities.forEach((probability, i) => {
        gradient[i] = (gradient[i] as number) + (probability - Number(i === label)) / count;
      });
    });
    return loss;
  }
}

/** logits = x weightᵀ + bias, and gradient = (softmax(logits) - onehot)ᵀ x. */
function probeGraph({ data, count, channels }: Rows, { classes, indices }: ClassLabels): Graph {
  const graph = new Graph();
  const width = toFour(channels);
  const padded = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    padded.set(data.subarray(row * channels, (row + 1) * channels), row * width);
  }
  const onehot = new Float32Array(count * classes.length);
  indices.forEach((label, row) => {
    onehot[row * classes.length + label] = 1;
  });
  const x = graph.constant({ dtype: "f32", shape: [count, width] }, padded);
  const y = graph.constant({ dtype: "f32", shape: [count, classes.length] }, onehot);
  const weight = graph.input("weight", { dtype: "f32", shape: [width, toFour(classes.length)] });
  const bias = graph.input("bias", { dtype: "f32", shape: [classes.length] });
  const logits = ops.matmul({ a: x, b: weight, bias }, { n: classes.length });
  const error = ops.binary({ a: ops.softmax({ x: logits }), b: y }, { op: "sub" });
  graph.output("logits", logits);
  graph.output("gradient", ops.matmul({ a: ops.transpose({ x: error }), b: x }, { n: channels }));
  return graph;
}

/** matmul's right side has a multiple of four rows and columns. */
function toFour(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** coef [classes, C] as matmul's right side [C, classes], padded with zeros. */
function packed(coef: Float64Array, classes: number, channels: number): Float32Array {
  const width = toFour(classes);
  const weight = new Float32Array(toFour(channels) * width);
  coef.forEach((value, i) => {
    weight[(i % channels) * width + Math.floor(i / channels)] = value;
  });
  return weight;
}
