// Text to token ids. The encoding itself is `@huggingface/tokenizers`; this file finds its definition in a checkpoint
// (tokenizer.json, or CLIP's older pair vocab.json + merges.txt) and refuses one that cannot work.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { ArgumentError } from "../device/errors.ts";
import type { Source } from "./source/source.ts";
import { invalid, isObject, isTokenId, type Json } from "./tokenizerFile.ts";

/** What a pattern with a repeat in a repeat has; others need no closer look (nestedRepeat.ts). */
const REPEATED_GROUP = /\)[*+{]/;
/** Larger "lengths" in tokenizer_config.json mean that none was set: transformers writes 1e30. */
const LONGEST = 1e9;

/** Turns texts into token ids. */
export interface Tokenizer {
  /** Token ids with start and end tokens, one array a text, neither padded nor truncated. */
  encode(texts: readonly string[]): number[][];
  /** `model_max_length` of tokenizer_config.json; undefined when the file does not set one. */
  readonly modelMaxLength: number | undefined;
  /** The token that fills up short texts, "<|endoftext|>" in CLIP; undefined when there is none. */
  readonly padToken: string | undefined;
  /** The token between two texts, "[SEP]" in BERT; undefined when there is none. */
  readonly sepToken: string | undefined;
  /** The id of a token, undefined when the vocabulary lacks it. */
  idOf(token: string): number | undefined;
}

/**
 * The tokenizer of a checkpoint: tokenizer.json (+ tokenizer_config.json), else vocab.json + merges.txt read as CLIP's
 * byte-pair encoding. Undefined when the checkpoint has neither.
 *
 * @throws InvalidFileError when a file is there but is not a tokenizer; CheckpointError when one of the pair is
 * missing.
 * @example
 * const tokenizer = await openTokenizer(await openSource("openai/clip-vit-base-patch32"));
 * tokenizer?.encode(["a photo of a cat"]);     // [[49406, 320, 1125, 539, 320, 2368, 49407]]
 */
export async function openTokenizer(source: Source): Promise<Tokenizer | undefined> {
  const config = await source.json("tokenizer_config.json");
  if (config !== undefined && !isObject(config)) throw invalid(source, "tokenizer_config.json", "is not a JSON object");
  const stored = await source.json("tokenizer.json");
  if (stored !== undefined) {
    if (REPEATED_GROUP.test(JSON.stringify({ ...stored, model: 0 }))) {
      const problem = (await import("./nestedRepeat.ts")).endlessPattern(stored);
      if (problem) throw invalid(source, "tokenizer.json", problem);
    }
    return adapt(stored, config, source, "tokenizer.json");
  }
  const { END, vocabularyAndMerges } = await import("./vocabularyAndMerges.ts");
  const clip = await vocabularyAndMerges(source);
  if (clip === undefined) return undefined;
  return adapt(clip, { pad_token: END, ...config }, source, "vocab.json with merges.txt");
}

/** Wraps the library's tokenizer, after one trial so that a broken definition fails here and not at the first text. */
function adapt(definition: unknown, config: Json | undefined, source: Source, file: string): Tokenizer {
  if (!isObject(definition)) throw invalid(source, file, "is not a JSON object");
  const added = definition.added_tokens ?? [];
  if (!Array.isArray(added) || !added.every(isAddedToken)) {
    throw invalid(source, file, "has added_tokens that are not a list of { id, content }");
  }
  const encodeOne = (tokenizer: HuggingFaceTokenizer, text: string): number[] => {
    const { ids } = tokenizer.encode(text);
    if (!ids.every(isTokenId)) throw new Error(`gives no token id for a part of ${JSON.stringify(text.slice(0, 40))}`);
    return ids;
  };
  const guarded = <T>(run: () => T): T => {
    try {
      return run();
    } catch (cause) {
      throw invalid(source, file, `is not a tokenizer: ${cause instanceof Error ? cause.message : cause}`, cause);
    }
  };
  const tokenizer = guarded(() => {
    const candidate = new HuggingFaceTokenizer({ ...definition, added_tokens: added }, config ?? {});
    encodeOne(candidate, "a photo, 1");
    return candidate;
  });
  return {
    encode(texts) {
      texts.forEach(checkText);
      return guarded(() => texts.map((text) => encodeOne(tokenizer, text)));
    },
    modelMaxLength: lengthOf(config),
    padToken: tokenOf(config?.pad_token),
    sepToken: tokenOf(config?.sep_token),
    idOf: (token) => tokenizer.token_to_id(token),
  };
}

function checkText(text: unknown, index: number): void {
  if (typeof text === "string") return;
  throw new ArgumentError(`[tokenizer] text ${index} is ${text === null ? "null" : typeof text}, expected a string`);
}

function lengthOf(config: Json | undefined): number | undefined {
  const length = config?.model_max_length;
  return typeof length === "number" && length > 0 && length < LONGEST ? Math.floor(length) : undefined;
}

/** A token as config files write it: its text, or an object with the text as `content`. */
function tokenOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return isObject(value) && typeof value.content === "string" ? value.content : undefined;
}

function isAddedToken(value: unknown): boolean {
  return isObject(value) && typeof value.content === "string" && value.content !== "" && isTokenId(value.id);
}
