// CLIP's outputs for sin(0.01 i) as pixel values and a few texts, against PyTorch's.
import type { NdArray } from "../device/tensor.ts";
import type { Source } from "../io/source/source.ts";
import { openTokenizer } from "../io/tokenizer.ts";
import type { ClipModel } from "../models/clip/family.ts";
import { similarityPart, textPart } from "../models/clip/parts.ts";
import { endPositions } from "../models/clip/tokens.ts";
import { floatArray } from "../models/exampleInputs.ts";
import { compare, type ExpectedArray } from "./compare.ts";
import type { ModelCheck } from "./modelCheck.ts";
import { sines } from "./sines.ts";
import type { Verification } from "./verifyKernels.ts";

/** What expected.json holds: inputs, and the first numbers of each output. */
interface ExpectedClip {
  readonly pixel_values: { readonly shape: readonly number[] };
  readonly input_ids: readonly (readonly number[])[];
  /** The texts of these ids, and where the padding begins; absent for a checkpoint without a tokenizer. */
  readonly texts?: readonly string[];
  readonly attention_mask?: readonly (readonly number[])[];
  readonly image_embeds: ExpectedArray;
  readonly text_embeds: readonly ExpectedArray[];
  readonly logits_per_image: ExpectedArray;
}

export async function* verifyClipOutputs(check: ModelCheck<ClipModel>): AsyncGenerator<Verification> {
  const { model, source, dtypes, run } = check;
  const expected = check.expected as ExpectedClip;
  if (expected.texts) yield await verifyTokens(source, expected.texts, expected);
  const { text } = model.config;
  const [, C = 3, H = 0, W = 0] = expected.pixel_values.shape;
  const [B, T] = [expected.input_ids.length, expected.input_ids[0]?.length ?? 0];
  const ends = endPositions(expected.input_ids, text).map((position, row) => row * T + position);
  const tokens = { ids: Int32Array.from(expected.input_ids.flat()), end: Int32Array.from(ends) };
  for (const dtype of dtypes) {
    const pixels = floatArray(sines(C, H * W), dtype);
    const image = (await run(model.image({ batch: 1, size: [H, W], dtype }), { pixels }, dtype)).embeds as NdArray;
    const texts = (await run(textPart({ text, batch: B, tokens: T }), tokens, dtype)).embeds as NdArray;
    const channels = image.shape[1] as number;
    const similarity = similarityPart({ config: model.config, images: 1, texts: B, channels });
    const { logits } = await run(similarity, { image: image.data, text: texts.data }, "f32");
    yield compare("image_embeds", dtype, image, [expected.image_embeds]);
    yield compare("text_embeds", dtype, texts, expected.text_embeds);
    yield compare("logits_per_image", dtype, logits, [expected.logits_per_image]);
  }
}

/** Token ids must be equal. */
async function verifyTokens(
  source: Source,
  texts: readonly string[],
  { input_ids, attention_mask }: ExpectedClip,
): Promise<Verification> {
  const ids = (await openTokenizer(source))?.encode(texts);
  const expectedIds = input_ids.map((row, i) => row.filter((_, j) => attention_mask?.[i]?.[j] === 1));
  const failures = texts.filter((_, i) => String(ids?.[i]) !== String(expectedIds[i]));
  const count = texts.length;
  return { name: "tokens", cases: count, error: failures.length / count, tolerance: 0, failures };
}
