// Text to token ids. The encoding itself is `@huggingface/tokenizers`; this file finds its definition in a checkpoint
// (tokenizer.json, or CLIP's older pair vocab.json + merges.txt) and refuses one that cannot work.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { ArgumentError, CheckpointError, InvalidFileError } from "../device/errors.ts";
import type { Source } from "./source/source.ts";

const START = "<|startoftext|>";
const END = "<|endoftext|>";

/** Larger "lengths" in tokenizer_config.json mean that none was set: transformers writes 1e30. */
const LONGEST = 1e9;

/** CLIP's split: special tokens, contractions, runs of letters, single digits, runs of anything else. */
const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

type Json = Record<string, unknown>;

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
  if (stored !== undefined) return adapt(stored, config, source, "tokenizer.json");
  const clip = await readVocabularyAndMerges(source);
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

/** CLIP's tokenizer.json, made from the pair of files that older checkpoints carry; undefined when neither is there. */
async function readVocabularyAndMerges(source: Source): Promise<Json | undefined> {
  const vocabulary = await source.json("vocab.json");
  const merges = await readText(source, "merges.txt");
  if (vocabulary === undefined && merges === undefined) return undefined;
  if (vocabulary === undefined || merges === undefined) {
    const [here, missing] = vocabulary === undefined ? ["merges.txt", "vocab.json"] : ["vocab.json", "merges.txt"];
    throw new CheckpointError(
      `[tokenizer] ${source.name} has ${here} but no ${missing}: add it, or a tokenizer.json, which needs neither`,
    );
  }
  if (!isObject(vocabulary) || !Object.values(vocabulary).every(isTokenId)) {
    throw invalid(source, "vocab.json", "is not an object of tokens and their ids");
  }
  const lines = merges
    .split(/\r?\n/)
    .filter((line, index) => line !== "" && !(index === 0 && line.startsWith("#version")));
  const pairs = lines.map((line) => line.split(" "));
  const bad = pairs.findIndex((pair) => pair.length !== 2 || pair.includes(""));
  if (bad >= 0) throw invalid(source, "merges.txt", `has the line ${JSON.stringify(lines[bad])}, expected two symbols`);
  return clipDefinition(vocabulary, pairs, source);
}

/** What transformers writes as tokenizer.json for a CLIPTokenizer with this vocabulary and these merges. */
function clipDefinition(vocabulary: Json, merges: string[][], source: Source): Json {
  const special = (content: string) => {
    const id = vocabulary[content];
    if (id === undefined) throw invalid(source, "vocab.json", `lacks ${content}: it is not CLIP's vocabulary`);
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  };
  const [start, end] = [special(START), special(END)];
  return {
    version: "1.0",
    added_tokens: [start, end],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: CLIP_WORDS }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [
        { SpecialToken: { id: START, type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: END, type_id: 0 } },
      ],
      pair: [],
      special_tokens: {},
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      unk_token: END,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      vocab: vocabulary,
      merges,
    },
  };
}

/** A small UTF-8 file, undefined when absent. */
async function readText(source: Source, file: string): Promise<string | undefined> {
  const bytes = await source.open(file);
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await bytes.read(0, bytes.size));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw invalid(source, file, "is not UTF-8 text", cause);
  } finally {
    await bytes.close?.();
  }
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

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isAddedToken(value: unknown): boolean {
  return isObject(value) && typeof value.content === "string" && value.content !== "" && isTokenId(value.id);
}

function invalid(source: Source, file: string, problem: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError(
    `[tokenizer] ${file} of ${source.name} ${problem}. Expected the files that transformers' save_pretrained writes`,
    { cause },
  );
}
