// DINO's outputs for sin(0.01 i) as pixel values, against PyTorch's.
import type { NdArray } from "../device/tensor.ts";
import type { DinoModel } from "../models/dino/family.ts";
import { floatArray } from "../models/exampleInputs.ts";
import { channelsFirst, compare, type ExpectedArray } from "./compare.ts";
import type { ModelCheck } from "./modelCheck.ts";
import { sines } from "./sines.ts";
import type { Verification } from "./verifyKernels.ts";

interface ExpectedDino {
  readonly pixel_values: { readonly shape: readonly number[] };
  /** The tokens of a ViT, or the map of a ResNet. */
  readonly last_hidden_state?: ExpectedArray;
  /** Of a ViT: the class token's attention in the last layer to the patches. */
  readonly cls_attention_last_layer?: ExpectedArray;
  /** Of a ResNet. */
  readonly pooler_output?: ExpectedArray;
}

export async function* verifyDinoOutputs(check: ModelCheck<DinoModel>): AsyncGenerator<Verification> {
  const { model, dtypes, run } = check;
  const { config } = model;
  const expected = check.expected as ExpectedDino;
  const [, C = 3, H = 0, W = 0] = expected.pixel_values.shape;
  for (const dtype of dtypes) {
    const inputs = { pixels: floatArray(sines(C, H * W), dtype) };
    if (config.model_type === "resnet") {
      const { map, pooled } = await run(model.image(1, [H, W], dtype), inputs, dtype);
      yield compare("last_hidden_state", dtype, map && channelsFirst(map), [
        expected.last_hidden_state as ExpectedArray,
      ]);
      yield compare("pooler_output", dtype, pooled, [expected.pooler_output as ExpectedArray]);
      continue;
    }
    const request = { layers: [], attentionOf: config.num_hidden_layers - 1, interpolateOffset: 0 };
    const { tokens, attention } = await run(model.image(1, [H, W], dtype, request), inputs, dtype);
    yield compare("last_hidden_state", dtype, tokens, [expected.last_hidden_state as ExpectedArray]);
    const toPatches = attention && from(attention, 1 + config.num_register_tokens);
    yield compare("cls_attention", dtype, toPatches, [expected.cls_attention_last_layer as ExpectedArray]);
  }
}

/** The first row from a column on. */
function from({ data, shape }: NdArray, column: number): NdArray {
  const row = data.slice(column, shape.at(-1));
  return { data: row, shape: [row.length] };
}
