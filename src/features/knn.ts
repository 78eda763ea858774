// The k-NN classifier with which DINO's features are evaluated (facebookresearch/dino: eval_knn.py; Wu et al., 2018):
// no training, the nearest labelled features vote.
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import { best, type ClassLabels, classLabels } from "./classLabels.ts";
import { checkChannels, eachProduct, featureRows, type Rows, unitRows } from "./featureRows.ts";

/** Options of `KnnClassifier`. */
export interface KnnOptions {
  /** Neighbours that vote, 20 when absent; all of them when there are fewer. */
  readonly k?: number;
  /** A neighbour's vote weighs exp(cosine / temperature); 0.07 when absent. */
  readonly temperature?: number;
}

/** The k-NN classifier with which DINO's features are evaluated: the nearest labelled features vote. */
export class KnnClassifier {
  /** The labels in order, each once: the columns of `predictProba`. */
  readonly classes: readonly string[];
  readonly #features: Rows;
  readonly #labels: ClassLabels;
  readonly #k: number;
  readonly #temperature: number;

  /**
   * Keeps labelled features [N, C] to vote about others; their lengths do not matter.
   *
   * @throws ArgumentError when features and labels differ in number, are empty, of a single class or hold NaN, or for a
   * k or temperature that is not positive.
   * @example
   * const knn = new KnnClassifier((await dino.encodeImage(photos)).cls, ["cat", "cat", "dog"]);
   * knn.predict((await dino.encodeImage("new.jpg")).cls); // ["dog"]
   */
  constructor(features: NdArray, labels: readonly string[], { k = 20, temperature = 0.07 }: KnnOptions = {}) {
    const rows = featureRows("KnnClassifier", features);
    if (!Number.isInteger(k) || k < 1)
      throw new ArgumentError(`[KnnClassifier] k is ${k}, expected a whole number from 1`);
    if (!(temperature > 0)) {
      throw new ArgumentError(`[KnnClassifier] temperature is ${temperature}, expected a positive number`);
    }
    this.#labels = classLabels("KnnClassifier", labels, rows.count);
    this.classes = this.#labels.classes;
    this.#features = unitRows(rows);
    this.#k = Math.min(k, rows.count);
    this.#temperature = temperature;
  }

  /** The class of each of the features [M, C]. */
  predict(features: NdArray): string[] {
    return best(this.predictProba(features), this.classes);
  }

  /** Shares of the votes [M, classes]; a row sums to 1. */
  predictProba(features: NdArray): NdArray {
    const rows = featureRows("KnnClassifier", features);
    checkChannels("KnnClassifier", rows, this.#features);
    const width = this.classes.length;
    const data = new Float32Array(rows.count * width);
    eachProduct(unitRows(rows), this.#features, (row, similarities) => {
      data.set(this.#votes(similarities), row * width);
    });
    return { data, shape: [rows.count, width] };
  }

  #votes(similarities: Float32Array): Float64Array {
    const neighbours = topK(similarities, this.#k);
    const most = similarities[neighbours[0] as number] as number;
    const votes = new Float64Array(this.classes.length);
    let total = 0;
    for (const i of neighbours) {
      // Relative to the nearest, so that a low temperature does not overflow; the shares are the same.
      const vote = Math.exp(((similarities[i] as number) - most) / this.#temperature);
      const label = this.#labels.indices[i] as number;
      votes[label] = (votes[label] as number) + vote;
      total += vote;
    }
    return votes.map((vote) => vote / total);
  }
}

/** Indices of the k largest, largest first; of equal ones the first. */
function topK(values: Float32Array, k: number): number[] {
  const kept: number[] = [];
  const value = (i: number) => values[i] as number;
  for (let i = 0; i < values.length; i++) {
    if (kept.length === k && value(i) <= value(kept[k - 1] as number)) continue;
    let at = kept.length;
    while (at > 0 && value(kept[at - 1] as number) < value(i)) at--;
    kept.splice(at, 0, i);
    if (kept.length > k) kept.pop();
  }
  return kept;
}
