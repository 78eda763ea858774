// Tokens to try the text tower with.
import type { ClipTextConfig } from "./config.ts";

/** A text of full length, of which half or more are words; after its end token comes more of the same. */
export function exampleTokens({ max_position_embeddings: T, vocab_size }: ClipTextConfig, random: () => number) {
  const length = Math.floor(T / 2 + (random() * T) / 2);
  const ids = new Int32Array(T).fill(vocab_size - 1);
  for (let i = 0; i < length - 1; i++) ids[i] = Math.floor(random() * (vocab_size - 2));
  ids[0] = vocab_size - 2;
  return { ids, end: Int32Array.of(length - 1) };
}
