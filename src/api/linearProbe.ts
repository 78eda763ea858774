// A linear probe: multinomial logistic regression on frozen features, with scikit-learn's objective (LogisticRegression,
// solver lbfgs): the mean cross-entropy plus |coef|² / (2 C N); the intercept is free. Logits and the gradient's long sum
// are computed on the GPU, the loss and L-BFGS on the host in float64.
import { Device } from "../device/device.ts";
import { ArgumentError, InvalidFileError } from "../device/errors.ts";
import { openDevice } from "../device/open.ts";
import type { NdArray } from "../device/tensor.ts";
import { Executor } from "../graph/executor.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import { plan } from "../graph/plan.ts";
import { WeightStore } from "../graph/store.ts";
import { type Checkpoint, readSafetensors, type SafetensorsLike, writeSafetensors } from "../io/safetensors.ts";
import type { SourceOptions } from "../io/source.ts";
import { best, type ClassLabels, classLabels } from "./classLabels.ts";
import { checkChannels, eachProduct, featureRows, type Rows } from "./featureRows.ts";
import { type Evaluation, minimize } from "./lbfgs.ts";

export interface LinearProbeOptions {
  /** Inverse of the strength of regularisation, as scikit-learn's C; 1 when absent. */
  readonly C?: number;
  /** 1000 when absent. */
  readonly maxIterations?: number;
  /** Training ends when no component of the gradient is larger (1e-7 when absent), or at the noise of f32. */
  readonly tolerance?: number;
  /** A device of ours or the caller's own GPUDevice; opened, and closed again, when absent. */
  readonly device?: Device | GPUDevice;
  readonly signal?: AbortSignal;
  /** Called after each iteration. */
  readonly onProgress?: (progress: { iteration: number; loss: number; gradient: number }) => void;
}

export class LinearProbe {
  /** The labels in order, each once: the columns of `predictProba`. */
  readonly classes: readonly string[];
  /** [classes, C] */
  readonly coef: NdArray;
  /** [classes] */
  readonly intercept: NdArray;

  private constructor(classes: readonly string[], coef: NdArray, intercept: NdArray) {
    this.classes = classes;
    this.coef = coef;
    this.intercept = intercept;
  }

  /**
   * Fits a probe to labelled features [N, C]. Nothing is centred or scaled.
   *
   * @throws ArgumentError when features and labels differ in number, are empty, of a single class or hold NaN, or for an
   * option out of range; AdapterError without a GPU; LimitError for more features than one binding takes.
   * @example
   * const probe = await LinearProbe.fit((await dino.encodeImage(photos)).cls, ["cat", "cat", "dog"]);
   * probe.predict((await dino.encodeImage("new.jpg")).cls); // ["dog"]
   */
  static async fit(
    features: NdArray,
    labels: readonly string[],
    options: LinearProbeOptions = {},
  ): Promise<LinearProbe> {
    const rows = featureRows("LinearProbe", features);
    const known = classLabels("LinearProbe", labels, rows.count);
    const { C = 1, maxIterations = 1000, tolerance = 1e-7, signal, onProgress } = options;
    if (!(C > 0)) throw new ArgumentError(`[LinearProbe] C is ${C}, expected a positive number`);
    if (!(tolerance >= 0)) throw new ArgumentError(`[LinearProbe] tolerance is ${tolerance}, expected 0 or more`);
    if (!Number.isInteger(maxIterations) || maxIterations < 1) {
      throw new ArgumentError(`[LinearProbe] maxIterations is ${maxIterations}, expected a whole number from 1`);
    }
    signal?.throwIfAborted();
    const size = known.classes.length * (rows.channels + 1);
    const theta = await withDevice(options.device, async (device) => {
      using objective = await Objective.create(device, rows, known, C);
      return await minimize(
        (x) => {
          signal?.throwIfAborted();
          return objective.evaluate(x);
        },
        new Float64Array(size),
        {
          maxIterations,
          tolerance,
          onIteration: (iteration, { value, gradient }) => {
            const most = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
            onProgress?.({ iteration, loss: value, gradient: most });
          },
        },
      );
    });
    const classes = known.classes.length;
    const coef = {
      data: Float32Array.from(theta.subarray(0, classes * rows.channels)),
      shape: [classes, rows.channels],
    };
    const intercept = { data: Float32Array.from(theta.subarray(classes * rows.channels)), shape: [classes] };
    return new LinearProbe(known.classes, coef, intercept);
  }

  /** The class of each of the features [M, C]. */
  predict(features: NdArray): string[] {
    return best(this.predictProba(features), this.classes);
  }

  /** Probabilities [M, classes]; a row sums to 1. */
  predictProba(features: NdArray): NdArray {
    const rows = featureRows("LinearProbe", features);
    const width = this.classes.length;
    const coef = featureRows("LinearProbe", this.coef);
    checkChannels("LinearProbe", rows, coef);
    const data = new Float32Array(rows.count * width);
    eachProduct(rows, coef, (row, products) => {
      const logits = Float64Array.from(products, (value, i) => value + (this.intercept.data[i] as number));
      data.set(softmax(logits).probabilities, row * width);
    });
    return { data, shape: [rows.count, width] };
  }

  /** A safetensors file: coef [classes, C], intercept [classes], and the classes as JSON in its metadata. */
  save(): Uint8Array<ArrayBuffer> {
    const { coef, intercept, classes } = this;
    return writeSafetensors(
      { coef: { dtype: "F32", ...coef }, intercept: { dtype: "F32", ...intercept } },
      { classes: JSON.stringify(classes) },
    );
  }

  /**
   * Reads what `save` wrote: bytes, a Blob, a path (Node, Deno), an http(s) or file URL.
   *
   * @throws InvalidFileError for another file; NotFoundError; NetworkError.
   * @example
   * const probe = await LinearProbe.load("probe.safetensors");
   */
  static async load(from: SafetensorsLike, options: SourceOptions = {}): Promise<LinearProbe> {
    const file = await readSafetensors(from, options);
    try {
      const classes = classesOf(file);
      const coef = await tensorOf(file, "coef");
      const intercept = await tensorOf(file, "intercept");
      if (
        coef.shape.length !== 2 ||
        coef.shape[0] !== classes.length ||
        intercept.shape.join() !== `${classes.length}`
      ) {
        throw new InvalidFileError(
          `${file.name} has ${classes.length} classes, but coef [${coef.shape}] and intercept [${intercept.shape}]`,
        );
      }
      return new LinearProbe(classes, coef, intercept);
    } finally {
      await file.close();
    }
  }
}

function classesOf({ name, metadata }: Checkpoint): string[] {
  const fail = () =>
    new InvalidFileError(`${name} is no linear probe: its metadata has no "classes", a list of labels`);
  if (metadata.classes === undefined) throw fail();
  let classes: unknown;
  try {
    classes = JSON.parse(metadata.classes);
  } catch {
    throw fail();
  }
  if (!Array.isArray(classes) || classes.length < 2 || !classes.every((label) => typeof label === "string"))
    throw fail();
  return classes;
}

async function tensorOf({ name, tensors }: Checkpoint, key: string): Promise<NdArray> {
  const tensor = tensors.get(key);
  if (tensor?.dtype !== "F32") throw new InvalidFileError(`${name} is no linear probe: it has no F32 tensor "${key}"`);
  return { data: new Float32Array((await tensor.read()).buffer), shape: tensor.shape };
}

async function withDevice<T>(given: Device | GPUDevice | undefined, use: (device: Device) => Promise<T>): Promise<T> {
  if (given) return use(given instanceof Device ? given : Device.from(given));
  using device = await openDevice();
  return await use(device);
}

/** Loss and gradient of a probe at given parameters: coef row by row, then the intercepts. */
class Objective {
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

  static async create(device: Device, rows: Rows, labels: ClassLabels, C: number): Promise<Objective> {
    const made = plan(probeGraph(rows, labels), device);
    const store = new WeightStore(device, { name: "linear probe", tensors: new Map() });
    try {
      await store.load(made.statics.values());
      // scikit-learn fits one vector for two classes; of the two here each is half of it, so their squares count twice.
      const strength = (labels.classes.length === 2 ? 2 : 1) / (C * rows.count);
      return new Objective(rows, labels, strength, store, await Executor.create(device, made, store));
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

/** Rows and columns of matmul's right side come in fours. */
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

function softmax(logits: Float64Array): { probabilities: Float64Array; logSum: number } {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b, 0);
  return { probabilities: weights.map((weight) => weight / total), logSum: most + Math.log(total) };
}
