// Token ids ready for CLIP's text tower: cut to the context, padded, and where the end token stands.
import { ArgumentError } from "../../device/errors.ts";

/** Cuts what is longer than the context, keeping the end token last; throws instead when `truncate` is false. */
export function truncateTokens(ids: number[][], most: number, truncate: boolean, texts: readonly string[]): number[][] {
  return ids.map((row, i) => {
    if (row.length <= most) return row;
    if (!truncate) {
      const text = texts[i] ?? "";
      const start = text.length > 40 ? `${text.slice(0, 40)}…` : text;
      throw new ArgumentError(
        `the text "${start}" has ${row.length} tokens with start and end, the model takes ${most}: ` +
          "shorten it, or leave out truncate: false",
      );
    }
    return [...row.slice(0, most - 1), row.at(-1) as number];
  });
}

/** [texts, T] with zeros behind each text: nothing before the end token sees them, as attention is causal. */
export function padTokens(ids: readonly (readonly number[])[], T: number): Int32Array {
  const padded = new Int32Array(ids.length * T);
  ids.forEach((row, i) => {
    padded.set(row, i * T);
  });
  return padded;
}

/**
 * Where each text's embedding is taken: at the first end token. Published configs carry an eos_token_id of 2 by
 * mistake;
 * then, as in OpenAI's code, the largest id is the end (transformers: models/clip/modeling_clip.py).
 */
export function endPositions(ids: readonly (readonly number[])[], eos: number): number[] {
  return ids.map((row) => {
    const wanted = eos === 2 ? Math.max(...row) : eos;
    return Math.max(0, row.indexOf(wanted));
  });
}
