// The tokenizer against transformers' ids (test/golden/clip-tokens.json, made by scripts/golden.py), from both layouts
// of the files, and what it says about files that are not a tokenizer.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ArgumentError, CheckpointError, InvalidFileError } from "../../src/device/errors.ts";
import { endlessPattern } from "../../src/io/nestedRepeat.ts";
import type { Source } from "../../src/io/source/source.ts";
import { openTokenizer, type Tokenizer } from "../../src/io/tokenizer.ts";

const GOLDEN = join(import.meta.dirname, "../golden");
const TINY_CLIP = join(import.meta.dirname, "../../checkpoints/tiny-clip");

interface Definition {
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

const definitionText = gunzipSync(readFileSync(join(GOLDEN, "clip-tokenizer/tokenizer.json.gz"))).toString("utf8");
const definition = JSON.parse(definitionText) as Definition;
const configText = readFileSync(join(GOLDEN, "clip-tokenizer/tokenizer_config.json"), "utf8");
const cases = JSON.parse(readFileSync(join(GOLDEN, "clip-tokens.json"), "utf8")) as { text: string; ids: number[] }[];

/** CLIP's older pair of files, which hold the same vocabulary. */
const olderFiles = {
  "vocab.json": JSON.stringify(definition.model.vocab),
  "merges.txt": ["#version: 0.2", ...definition.model.merges.map((pair) => pair.join(" ")), ""].join("\n"),
};

/** A source of files in memory. */
function sourceOf(files: Record<string, string | Uint8Array>): Source {
  const bytesOf = (file: string) => {
    const content = files[file];
    return typeof content === "string" ? new TextEncoder().encode(content) : content;
  };
  return {
    name: "memory",
    async open(file) {
      const bytes = bytesOf(file);
      return (
        bytes && {
          name: file,
          size: bytes.length,
          read: async (start, end) => bytes.slice(start, end),
          async *stream(start, end) {
            yield bytes.slice(start, end);
          },
        }
      );
    },
    async json(file) {
      const bytes = bytesOf(file);
      return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as unknown);
    },
  };
}

async function open(files: Record<string, string | Uint8Array>): Promise<Tokenizer> {
  const tokenizer = await openTokenizer(sourceOf(files));
  if (!tokenizer) throw new Error("no tokenizer");
  return tokenizer;
}

describe("CLIP's vocabulary", () => {
  it("has at least 60 hard strings to compare", () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
    expect(Math.max(...cases.map(({ ids }) => ids.length))).toBeGreaterThan(77);
  });

  const layouts = {
    "tokenizer.json": { "tokenizer.json": definitionText, "tokenizer_config.json": configText },
    "vocab.json + merges.txt": olderFiles,
    "vocab.json + merges.txt with CRLF": {
      ...olderFiles,
      "merges.txt": olderFiles["merges.txt"].replaceAll("\n", "\r\n"),
    },
  };
  for (const [layout, files] of Object.entries(layouts)) {
    it(`${layout}: the ids of all ${cases.length} strings are transformers'`, async () => {
      const tokenizer = await open(files);
      const ids = tokenizer.encode(cases.map(({ text }) => text));
      for (const [index, { text, ids: expected }] of cases.entries()) {
        expect(ids[index], JSON.stringify(text.slice(0, 60))).toEqual(expected);
      }
      expect(tokenizer.padToken).toBe("<|endoftext|>");
      expect(tokenizer.modelMaxLength).toBeUndefined(); // 1e30 in the file: not set
      expect(tokenizer.idOf("<|startoftext|>")).toBe(49406);
      expect(tokenizer.idOf("<|endoftext|>")).toBe(49407);
      expect(tokenizer.idOf("cat</w>")).toBe(2368);
      expect(tokenizer.idOf("no such token")).toBeUndefined();
    });
  }
});

describe("tiny-clip", () => {
  const read = (file: string) => readFileSync(join(TINY_CLIP, file), "utf8");
  const texts = [
    "a photo of a cat",
    "A red TRUCK on a green background.",
    "",
    "naïve café 2024 🐈",
    "猫 the ship's bow",
  ];

  it("gives the same ids by tokenizer.json and by vocab.json + merges.txt", async () => {
    const files = { "tokenizer_config.json": read("tokenizer_config.json") };
    const fresh = await open({ ...files, "tokenizer.json": read("tokenizer.json") });
    const older = await open({ ...files, "vocab.json": read("vocab.json"), "merges.txt": read("merges.txt") });
    expect(older.encode(texts)).toEqual(fresh.encode(texts));
    expect(fresh.encode([""])).toEqual([[2048, 2049]]);
    expect([fresh.modelMaxLength, older.modelMaxLength]).toEqual([32, 32]);
    expect([fresh.padToken, older.padToken]).toEqual(["<|endoftext|>", "<|endoftext|>"]);
  });

  it("gives the ids of expected.json", async () => {
    const expected = JSON.parse(read("expected.json")) as { texts: string[]; input_ids: number[][] };
    const tokenizer = await open({ "tokenizer.json": read("tokenizer.json") });
    const ids = tokenizer.encode(expected.texts);
    for (const [index, row] of expected.input_ids.entries()) {
      expect(row.slice(0, ids[index]?.length), expected.texts[index]).toEqual(ids[index]);
    }
  });
});

describe("files that are not a tokenizer", () => {
  it("is undefined when the checkpoint has none", async () => {
    expect(await openTokenizer(sourceOf({ "config.json": "{}" }))).toBeUndefined();
  });

  const bpe = (model: object, more: object = {}) =>
    JSON.stringify({
      ...definition,
      model: { type: "BPE", unk_token: "<|endoftext|>", ...model },
      added_tokens: [],
      ...more,
    });
  const broken: Record<string, Record<string, string | Uint8Array>> = {
    "a number": { "tokenizer.json": "42" },
    null: { "tokenizer.json": "null" },
    "a list": { "tokenizer.json": "[]" },
    "an empty object": { "tokenizer.json": "{}" },
    "an unknown model": { "tokenizer.json": bpe({ type: "Oracle" }) },
    "no vocabulary": { "tokenizer.json": bpe({ merges: [] }) },
    "no merges": { "tokenizer.json": bpe({ vocab: { a: 0 } }) },
    "merges that are numbers": { "tokenizer.json": bpe({ vocab: { a: 0 }, merges: [1, 2] }) },
    "ids that are words": { "tokenizer.json": bpe({ vocab: { "a</w>": "first" }, merges: [] }) },
    "a vocabulary without the tokens it needs": { "tokenizer.json": bpe({ vocab: { q: 0 }, merges: [] }) },
    "an unknown normalizer": { "tokenizer.json": bpe(definition.model, { normalizer: { type: "Magic" } }) },
    "a pattern that is not one": {
      "tokenizer.json": bpe(definition.model, {
        pre_tokenizer: { type: "Split", pattern: { Regex: "(((" }, behavior: "Removed", invert: true },
      }),
    },
    "added tokens without text": {
      "tokenizer.json": bpe(definition.model, { added_tokens: [{ id: 1, content: "" }] }),
    },
    "added tokens that are no list": { "tokenizer.json": bpe(definition.model, { added_tokens: 3 }) },
    "a config that is a list": { "tokenizer.json": definitionText, "tokenizer_config.json": "[1]" },
    "a vocab.json of words": { ...olderFiles, "vocab.json": '{"a": "b"}' },
    "a vocab.json that is a list": { ...olderFiles, "vocab.json": "[1]" },
    "a vocab.json without CLIP's start and end": { ...olderFiles, "vocab.json": '{"a</w>": 0}' },
    "merges with three symbols a line": { ...olderFiles, "merges.txt": "#version: 0.2\na b c\n" },
    "merges that are not text": { ...olderFiles, "merges.txt": new Uint8Array([0xff, 0xfe, 0x00]) },
  };
  for (const [what, files] of Object.entries(broken)) {
    it(`${what}: InvalidFileError that names the file`, async () => {
      const failure = await openTokenizer(sourceOf(files)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(InvalidFileError);
      expect((failure as Error).message).toMatch(
        /^\[tokenizer\] (tokenizer|tokenizer_config|vocab|merges)\.(json|txt) .*memory/,
      );
    });
  }

  it("one of the pair alone: CheckpointError that names the other", async () => {
    const { "vocab.json": vocabulary, "merges.txt": merges } = olderFiles;
    await expect(openTokenizer(sourceOf({ "vocab.json": vocabulary }))).rejects.toThrow(/no merges\.txt/);
    await expect(openTokenizer(sourceOf({ "merges.txt": merges }))).rejects.toThrow(/no vocab\.json/);
    await expect(openTokenizer(sourceOf({ "merges.txt": merges }))).rejects.toBeInstanceOf(CheckpointError);
  });

  it("a text that is not one: ArgumentError with its place in the list", async () => {
    const tokenizer = await open(olderFiles);
    const texts = JSON.parse('["a", null]') as string[];
    expect(() => tokenizer.encode(texts)).toThrow(ArgumentError);
    expect(() => tokenizer.encode(texts)).toThrow(/text 1 is null/);
  });
});

describe("patterns", () => {
  const within = (Regex: string) => ({ pre_tokenizer: { pretokenizers: [{ type: "Split", pattern: { Regex } }] } });

  it.each(["(a+)+$", "(a*)*", "((a+)b)*", "(?:\\p{L}+-?)+", "(.*)*", "(a+|b)+?", "(a{2,})+", "(a+){3,}"])(
    "%s, a repeat in a repeat, is refused before a text meets it",
    async (Regex) => {
      expect(endlessPattern(within(Regex))).toContain(Regex);
      const file = JSON.stringify({ ...definition, ...within(Regex) });
      const opening = open({ "tokenizer.json": file });
      await expect(opening).rejects.toThrow(InvalidFileError);
      await expect(opening).rejects.toThrow(/has the pattern .* a repeat in a repeat may run for years/);
    },
  );

  // The others are CLIP's, GPT-2's and GPT-4's.
  it.each([
    "a+(b+)",
    "(?:a|b)+",
    "([a+*])+",
    "(\\+\\*)+x+",
    "(a+)?b",
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+",
  ])("%s is read", (Regex) => {
    expect(endlessPattern(within(Regex))).toBeUndefined();
  });
});
