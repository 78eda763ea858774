// Token ids ready for CLIP's text tower: cut to the context, padded, and where the end token stands.
import { ArgumentError } from "../../device/errors.ts";
import type { Tokenizer } from "../../io/tokenizer.ts";
import type { ClipTextConfig } from "./config.ts";

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

/** Each text filled up to T tokens, as its tokenizer in open_clip or transformers does it. */
export function padTokens(
  ids: readonly (readonly number[])[],
  T: number,
  { padding }: ClipTextConfig,
  tokenizer: Pick<Tokenizer, "padToken" | "sepToken" | "idOf">,
): number[][] {
  const idOf = (token: string | undefined) => (token === undefined ? undefined : tokenizer.idOf(token));
  const { isTokenizers = true, strip_sep_token = false } = padding ?? {};
  const pad = (isTokenizers && idOf(tokenizer.padToken)) || 0;
  const sep = strip_sep_token ? idOf(tokenizer.sepToken) : undefined;
  return ids.map((row) => {
    const filled = [...row, ...Array<number>(Math.max(0, T - row.length)).fill(pad)];
    return sep === undefined ? filled : filled.map((id) => (id === sep ? 0 : id));
  });
}

/**
 * Whether what stands behind a text matters: without a causal mask the text sees it, and the last token may be of it,
 * or the largest where a tokenizer has a padding token of its own. Else nothing before the end token sees it.
 */
export function needsWholeContext({ no_causal_mask, pool_type, padding }: ClipTextConfig): boolean {
  return Boolean(no_causal_mask) || pool_type === "last" || (pool_type === "argmax" && Boolean(padding?.isTokenizers));
}

/** Where each text's embedding is taken, as open_clip's text_global_pool does (open_clip/transformer.py). */
export function endPositions(
  ids: readonly (readonly number[])[],
  { pool_type, eos_token_id }: Pick<ClipTextConfig, "pool_type" | "eos_token_id">,
): number[] {
  return ids.map((row) => {
    if (pool_type === "first") return 0;
    if (pool_type === "last") return row.length - 1;
    return Math.max(0, row.indexOf(pool_type === "argmax" ? Math.max(...row) : eos_token_id));
  });
}
