// Labels of training features as class indices, and class probabilities as labels, for the classifiers on features.
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";

export interface ClassLabels {
  /** Each label once, in order. */
  readonly classes: readonly string[];
  /** For each row of the features, its label's place in `classes`. */
  readonly indices: Uint32Array;
}

export function classLabels(where: string, labels: readonly string[], rows: number): ClassLabels {
  if (labels.length !== rows) {
    throw new ArgumentError(`[${where}] ${rows} features came with ${labels.length} labels, expected one label each`);
  }
  const wrong = labels.findIndex((label) => typeof label !== "string");
  if (wrong >= 0) throw new ArgumentError(`[${where}] label ${wrong} is no string`);
  const classes = [...new Set(labels)].sort();
  if (classes.length < 2) {
    throw new ArgumentError(`[${where}] all labels are ${JSON.stringify(classes[0])}, expected at least two classes`);
  }
  const indexOf = new Map(classes.map((label, i) => [label, i]));
  return { classes, indices: Uint32Array.from(labels, (label) => indexOf.get(label) as number) };
}

/** The most probable class of each row; of equal ones the first. */
export function best({ data }: NdArray, classes: readonly string[]): string[] {
  const width = classes.length;
  return Array.from({ length: data.length / width }, (_, row) => {
    const probabilities = data.subarray(row * width, (row + 1) * width);
    let best = 0;
    for (let i = 1; i < width; i++) if ((probabilities[i] as number) > (probabilities[best] as number)) best = i;
    return classes[best] as string;
  });
}
