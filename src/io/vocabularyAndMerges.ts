// The older pair of tokenizer files of CLIP, vocab.json and merges.txt, as the tokenizer.json that transformers makes
// of them. Loaded where a checkpoint has no tokenizer.json.
import { CheckpointError } from "../device/errors.ts";
import type { Source } from "./source/source.ts";
import { invalid, isObject, isTokenId, type Json } from "./tokenizerFile.ts";

const START = "<|startoftext|>";
/** The token that ends a text, and in CLIP fills up short ones. */
export const END = "<|endoftext|>";

/** CLIP's split: special tokens, contractions, runs of letters, single digits, runs of anything else. */
const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/** CLIP's tokenizer.json, made from the pair of files that older checkpoints carry; undefined when neither is there. */
export async function vocabularyAndMerges(source: Source): Promise<Json | undefined> {
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
