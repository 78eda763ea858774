// SAM's outputs for sin(0.01 i) as pixel values and three prompts, against PyTorch's: with whichever image encoder.
import { CheckpointError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import { floatArray } from "../models/exampleInputs.ts";
import type { FloatType } from "../models/family.ts";
import type { SamModel } from "../models/sam/family.ts";
import { maskSizes } from "../models/sam/parts.ts";
import { type SamPrompt, tokensOf } from "../models/sam/prompts.ts";
import { channelsFirst, compare, type ExpectedArray } from "./compare.ts";
import type { ModelCheck } from "./modelCheck.ts";
import { sines } from "./sines.ts";
import type { Verification } from "./verifyKernels.ts";

interface ExpectedSam {
  readonly pixel_values: { readonly shape: readonly number[] };
  readonly input_points: readonly (readonly (readonly (readonly [number, number])[])[])[];
  readonly input_boxes: readonly (readonly (readonly [number, number, number, number])[])[];
  readonly image_embeddings: ExpectedArray;
  readonly outputs: Readonly<
    Record<string, { readonly iou_scores: readonly number[]; readonly pred_masks: ExpectedArray }>
  >;
}

export async function* verifySamOutputs(check: ModelCheck<SamModel>): AsyncGenerator<Verification> {
  const { model, dtypes, run } = check;
  const { config } = model;
  const expected = check.expected as ExpectedSam;
  const [, C = 3, H = 0, W = 0] = expected.pixel_values.shape;
  for (const dtype of dtypes) {
    const encoder = model.parts.encoder({ config, dtype, isEmbeddingOnly: true });
    const pixels = floatArray(sines(C, H * W), dtype);
    const image = await run(encoder, { pixels }, dtype);
    yield compare("image_embeddings", dtype, channelsFirst(image.embedding as NdArray), [expected.image_embeddings]);
    for (const [name, prompt] of Object.entries(promptsOf(expected, maskSizes(config).L))) {
      const outputs = expected.outputs[name];
      if (!outputs) throw new CheckpointError(`expected.json has no output ${name}`);
      const { masks, scores } = await decode(check, prompt, image, dtype);
      yield compare(name, dtype, masks, [outputs.pred_masks]);
      const { iou_scores } = outputs;
      yield compare(`${name} scores`, dtype, scores, [{ shape: [1, iou_scores.length], first: iou_scores }]);
    }
  }
}

/** Prompts of expected.json, in pixels of the padded square; the mask is 8 sin(0.02 i). */
function promptsOf({ input_points, input_boxes }: ExpectedSam, L: number): Record<string, SamPrompt> {
  const [x = 0, y = 0] = input_points[0]?.[0]?.[0] ?? [];
  const points = [{ x, y }];
  const maskInput = Float32Array.from({ length: L * L }, (_, i) => 8 * Math.sin(0.02 * i));
  return { one_point: { points }, box: { box: input_boxes[0]?.[0] }, point_and_mask: { points, maskInput } };
}

/** The three masks of multimask, of which the first row is compared, and their scores. */
async function decode(
  { model: { config, parts }, run }: ModelCheck<SamModel>,
  prompt: SamPrompt,
  image: Readonly<Record<string, NdArray>>,
  dtype: FloatType,
) {
  const { image_size: square } = config;
  const tokens = tokensOf(prompt, { width: square, height: square, cut: [square, square] }, config);
  const { maskInput } = prompt;
  const hasMask = maskInput !== undefined;
  const part = parts.decoder({ config, dtype, P: 1, T: tokens.labels.length, hasMask, from: "embedding" });
  const { masks, scores } = await run(
    part,
    {
      ...Object.fromEntries(Object.entries(image).map(([name, { data }]) => [name, floatArray(data, dtype)])),
      coords: Float32Array.from(tokens.coords),
      labels: Int32Array.from(tokens.labels),
      ...(maskInput && { maskInput: floatArray(maskInput, dtype) }),
    },
    dtype,
  );
  const { M, L } = maskSizes(config);
  return {
    masks: { data: (masks as NdArray).data.subarray(L * L), shape: [M - 1, L * L] },
    scores: { data: (scores as NdArray).data.subarray(1), shape: [1, M - 1] },
  };
}
