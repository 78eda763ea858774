// A query made of several embeddings: of a text, of pictures, and of what it must not be like.

/** What is looked for, as embeddings of unit length. */
export interface QueryParts {
  readonly text?: Float32Array | undefined;
  /** Pictures like what is looked for. */
  readonly images: readonly Float32Array[];
  /** What it must not be like. */
  readonly minus: readonly Float32Array[];
  /** How much pictures count beside a text, from 0 to 1. */
  readonly imageWeight: number;
}

/** Their weighted sum, of unit length; undefined where they cancel each other. */
export function combineQuery({ text, images, minus, imageWeight }: QueryParts): Float32Array | undefined {
  const textWeight = images.length > 0 ? 1 - imageWeight : 1;
  const pictureWeight = (text === undefined ? 1 : imageWeight) / images.length;
  const parts = [
    ...(text === undefined ? [] : [[textWeight, text] as const]),
    ...images.map((vector) => [pictureWeight, vector] as const),
    ...minus.map((vector) => [-textWeight, vector] as const),
  ];
  const sum = new Float32Array(parts[0]?.[1].length ?? 0);
  for (const [weight, vector] of parts) {
    for (const [i, value] of vector.entries()) sum[i] = (sum[i] as number) + weight * value;
  }
  const length = Math.hypot(...sum);
  return length > 0 ? sum.map((value) => value / length) : undefined;
}
