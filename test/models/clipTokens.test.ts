// Token ids as open_clip's tokenizers and transformers' bring them to the text tower, and where its embedding is taken.
import { expect, it } from "vitest";
import type { ClipTextConfig } from "../../src/models/clip/config.ts";
import { openClipConfig } from "../../src/models/clip/openClip.ts";
import { clipConfig } from "../../src/models/clip/readConfig.ts";
import { endPositions, needsWholeContext, padTokens } from "../../src/models/clip/tokens.ts";

const openClip = (text_cfg: object): ClipTextConfig => openClipConfig({ model_cfg: { vision_cfg: {}, text_cfg } }).text;

/** BERT's, as CLIPA takes it. */
const BERT = { padToken: "[PAD]", sepToken: "[SEP]", idOf: (token: string) => ({ "[PAD]": 7, "[SEP]": 102 })[token] };
const IDS = [[101, 2003, 102]];

it.each<[string, ClipTextConfig, number[]]>([
  ["open_clip's own tokenizer: zeros", openClip({}), [101, 2003, 102, 0, 0]],
  ["one of the Hub: its padding", openClip({ hf_tokenizer_name: "bert-base-uncased" }), [101, 2003, 102, 7, 7]],
  [
    "CLIPA's: no separators",
    openClip({ hf_tokenizer_name: "bert-base-uncased", tokenizer_kwargs: { strip_sep_token: true } }),
    [101, 2003, 0, 7, 7],
  ],
  ["transformers': the tokenizer's", clipConfig({}).text, [101, 2003, 102, 7, 7]],
])("%s", (_, text, filled) => {
  expect(padTokens(IDS, 5, text, BERT)).toEqual([filled]);
});

it("without a padding token: zeros", () => {
  const none = { padToken: undefined, sepToken: undefined, idOf: () => undefined };
  expect(padTokens(IDS, 4, clipConfig({}).text, none)).toEqual([[101, 2003, 102, 0]]);
});

it.each<[string, ClipTextConfig, number, boolean]>([
  ["the first with the largest id", openClip({}), 1, false],
  ["the largest of a padding that may be larger", openClip({ hf_tokenizer_name: "x" }), 1, true],
  ["the first", openClip({ pool_type: "first" }), 0, false],
  ["the last", openClip({ pool_type: "last" }), 3, true],
  ["the first that is eos_id", openClip({ pool_type: "eos", eos_id: 5 }), 2, false],
  ["the first token where there is no eos_id, as in open_clip", openClip({ pool_type: "eos", eos_id: 6 }), 0, false],
  ["eos_id 2 of MetaCLIP 2, which is not the largest", openClip({ pool_type: "eos", eos_id: 2 }), 3, false],
  ["any, but all tokens see the whole context", openClip({ no_causal_mask: true, pool_type: "first" }), 0, true],
  ["transformers' eos_token_id", clipConfig({ text_config: { eos_token_id: 5 } }).text, 2, false],
  ["transformers' historic 2: the largest", clipConfig({ text_config: { eos_token_id: 2 } }).text, 1, false],
])("%s", (_, text, position, isWhole) => {
  expect(endPositions([[4, 9, 5, 2]], text)).toEqual([position]);
  expect(needsWholeContext(text)).toBe(isWhole);
});
