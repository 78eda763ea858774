// Embeddings on the host: rows stacked, averaged, and logits turned into ranked labels.
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";

/** A label and how well it fits. */
export interface LabelScore {
  /** As the caller gave it. */
  readonly label: string;
  /** Probability among the labels given. */
  readonly score: number;
}

/** Several arrays under each other along the first axis. */
export function stack(arrays: readonly NdArray[]): NdArray {
  const [first] = arrays;
  if (arrays.length === 1 && first) return first;
  const rows = arrays.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const data = new Float32Array(arrays.reduce((sum, array) => sum + array.data.length, 0));
  let at = 0;
  for (const array of arrays) {
    data.set(array.data, at);
    at += array.data.length;
  }
  return { data, shape: [rows, ...(first?.shape.slice(1) ?? [])] };
}

/** Each label in each template, the templates of a label together. */
export function labelTexts(labels: readonly string[], templates: readonly string[]): string[] {
  if (labels.length === 0) throw new ArgumentError("classify got an empty list of labels, expected at least one");
  if (templates.length === 0) throw new ArgumentError("classify got an empty list of templates, expected at least one");
  const wrong = templates.find((text) => !text.includes("{}"));
  if (wrong !== undefined) throw new ArgumentError(`the template "${wrong}" has no {} to put the label in`);
  return labels.flatMap((label) => templates.map((text) => text.replaceAll("{}", label)));
}

export function rowsOf({ data, shape: [rows = 0, columns = 0] }: NdArray): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => data.subarray(row * columns, (row + 1) * columns));
}

/** Means of `size` rows each, of unit length again. */
export function averageGroups(embeds: NdArray, size: number): NdArray {
  const columns = embeds.shape[1] as number;
  const groups: Float32Array[] = [];
  const rows = rowsOf(embeds);
  for (let first = 0; first < rows.length; first += size) {
    const group = rows.slice(first, first + size);
    const mean = Float64Array.from({ length: columns }, (_, c) =>
      group.reduce((sum, row) => sum + (row[c] as number), 0),
    );
    const length = Math.hypot(...mean) || 1;
    groups.push(Float32Array.from(mean, (value) => value / length));
  }
  return stack(groups.map((data) => ({ data, shape: [1, columns] })));
}

/** Softmax of the logits, best first. */
export function rank(labels: readonly string[], logits: Float32Array): LabelScore[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b, 0);
  const scores = labels.map((label, i) => ({ label, score: (weights[i] as number) / total }));
  return scores.sort((a, b) => b.score - a.score);
}
