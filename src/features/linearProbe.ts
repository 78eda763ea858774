// A linear probe: multinomial logistic regression on frozen features, as scikit-learn's LogisticRegression fits it with
// its solver lbfgs.
import type { Device } from "../device/device.ts";
import { ArgumentError, InvalidFileError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { readSafetensors, type SafetensorsLike, writeSafetensors } from "../io/safetensors/safetensors.ts";
import type { SourceOptions } from "../io/source/source.ts";
import { best, classLabels } from "./classLabels.ts";
import { checkChannels, eachProduct, featureRows } from "./featureRows.ts";
import { softmax } from "./softmax.ts";

/** Options of `LinearProbe.fit`. */
export interface LinearProbeOptions {
  /** Inverse of the strength of regularisation, as scikit-learn's C; 1 when absent. */
  readonly C?: number;
  /** 1000 when absent. */
  readonly maxIterations?: number;
  /** Training ends when no component of the gradient is larger (1e-7 when absent), or at the noise of f32. */
  readonly tolerance?: number;
  /** A device of ours or the caller's own GPUDevice; opened, and closed again, when absent. */
  readonly device?: Device | GPUDevice;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each iteration. */
  readonly onProgress?: (progress: { iteration: number; loss: number; gradient: number }) => void;
}

/** A linear classifier on frozen features: multinomial logistic regression, fitted as scikit-learn fits it. */
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
   * @throws ArgumentError when features and labels differ in number, are empty, of a single class or hold NaN, or for
   * an option out of range; AdapterError without a GPU; LimitError for more features than one binding takes.
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
    const { C = 1, maxIterations = 1000, tolerance = 1e-7, signal } = options;
    if (!(C > 0)) throw new ArgumentError(`[LinearProbe] C is ${C}, expected a positive number`);
    if (!(tolerance >= 0)) throw new ArgumentError(`[LinearProbe] tolerance is ${tolerance}, expected 0 or more`);
    if (!Number.isInteger(maxIterations) || maxIterations < 1) {
      throw new ArgumentError(`[LinearProbe] maxIterations is ${maxIterations}, expected a whole number from 1`);
    }
    signal?.throwIfAborted();
    const { fitProbe } = await import("./fitProbe.ts");
    const theta = await fitProbe(rows, known, { ...options, C, maxIterations, tolerance });
    signal?.throwIfAborted();
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
