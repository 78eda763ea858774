// Proof on the user's own adapter for the DINO and the SAM that ship: their outputs for sin(0.01 i) as pixel values,
// against those of PyTorch that lie beside them (expected.json).
import type { Device } from "../device/device.ts";
import { CheckpointError } from "../device/errors.ts";
import { toHalfArray } from "../device/half.ts";
import type { NdArray } from "../device/tensor.ts";
import { Graph, type Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { SourceLike } from "../io/source/source.ts";
import { dinoConfig } from "../models/dino/config.ts";
import { dino } from "../models/dino/model.ts";
import { dinoNaming } from "../models/dino/names.ts";
import { type SamConfig, type SamVisionConfig, samConfig } from "../models/sam/config.ts";
import { samImageEncoder } from "../models/sam/imageEncoder.ts";
import { samDecoder, samImage } from "../models/sam/maskDecoder.ts";
import { samNaming } from "../models/sam/names.ts";
import { promptTokens } from "../models/sam/promptEncoder.ts";
import { type SamPrompt, tokensOf } from "../models/sam/prompts.ts";
import { Weights } from "../models/weights.ts";
import {
  compare,
  type DType,
  dtypesOf,
  type ExpectedArray,
  runOnce,
  sines,
  type Verification,
  type VerifyOptions,
} from "./verify.ts";

/** What every expected.json holds; the rest is the model's own. */
interface Expected {
  readonly pixel_values: { readonly shape: readonly number[] };
}

type Outputs = Readonly<Record<string, Value>>;

/** Records a model into a graph with an input "pixels": what is compared, by name. */
type Build<E> = (pixels: Value, checkpoint: Checkpoint, config: unknown, expected: E, dtype: DType) => Outputs;

/** Runs a model in each type that the device has. */
async function* runs<E extends Expected>(device: Device, from: SourceLike, build: Build<E>, options: VerifyOptions) {
  const source = await openSource(from, options);
  const expected = (await source.json("expected.json")) as E | undefined;
  if (!expected) throw new CheckpointError(`${source.name} has no expected.json to compare with`);
  const config = await source.json("config.json");
  const checkpoint = await openCheckpoint(source, options);
  const [, C = 3, H = 0, W = 0] = expected.pixel_values.shape;
  try {
    for (const dtype of dtypesOf(device)) {
      const graph = new Graph();
      const pixels = graph.input("pixels", { dtype, shape: [1, H, W, C] });
      for (const [name, value] of Object.entries(build(pixels, checkpoint, config, expected, dtype))) {
        graph.output(name, value);
      }
      const values = sines(C, H * W);
      const inputs = { pixels: dtype === "f16" ? toHalfArray(values) : values };
      const got: Record<string, NdArray> = await runOnce(device, graph, checkpoint, inputs, options.signal);
      yield { dtype, got, expected };
    }
  } finally {
    await checkpoint.close();
  }
}

interface ExpectedDino extends Expected {
  readonly last_hidden_state: ExpectedArray;
  readonly cls_attention_last_layer: ExpectedArray;
}

const buildDino: Build<ExpectedDino> = (pixels, checkpoint, json, _expected, dtype) => {
  const config = dinoConfig(json);
  const last = config.num_hidden_layers - 1;
  const w = Weights.of(pixels.graph, checkpoint, dtype, dinoNaming(checkpoint));
  const { tokens, attention } = dino(pixels, w, config, { attentionOf: [last] });
  const x = attention.get(last) as Value; // [1, heads, tokens]
  const length = (x.shape[2] as number) - 1 - config.num_register_tokens;
  return { tokens, attention: ops.narrow({ x }, { axis: 2, start: 1 + config.num_register_tokens, length }) };
};

/** Compares a DINO with the expected.json beside it, in each type that the device has. */
export async function* verifyDino(
  device: Device,
  from: SourceLike,
  options: VerifyOptions = {},
): AsyncGenerator<Verification> {
  for await (const { dtype, got, expected } of runs(device, from, buildDino, options)) {
    yield compare("last_hidden_state", dtype, got.tokens, [expected.last_hidden_state]);
    yield compare("cls_attention", dtype, got.attention, [expected.cls_attention_last_layer]);
  }
}

interface ExpectedSam extends Expected {
  readonly input_points: readonly (readonly (readonly (readonly [number, number])[])[])[];
  readonly input_boxes: readonly (readonly (readonly [number, number, number, number])[])[];
  readonly image_embeddings: ExpectedArray;
  readonly outputs: Readonly<
    Record<string, { readonly iou_scores: readonly number[]; readonly pred_masks: ExpectedArray }>
  >;
}

/** Prompts of expected.json, in pixels of the padded square; the mask is 8 sin(0.02 i). */
function promptsOf({ input_points, input_boxes }: ExpectedSam, side: number): Record<string, SamPrompt> {
  const [x = 0, y = 0] = input_points[0]?.[0]?.[0] ?? [];
  const points = [{ x, y }];
  const maskInput = Float32Array.from({ length: side * side }, (_, i) => 8 * Math.sin(0.02 * i));
  return { one_point: { points }, box: { box: input_boxes[0]?.[0] }, point_and_mask: { points, maskInput } };
}

const buildSam: Build<ExpectedSam> = (pixels, checkpoint, json, expected, dtype) => {
  const config = samConfig(json);
  const { graph } = pixels;
  const w = Weights.of(graph, checkpoint, dtype, samNaming(checkpoint));
  const { image_embedding_size: side, vision } = config;
  const map = samImageEncoder(pixels, w, vision as SamVisionConfig);
  const embedding = graph.reshape(map, [1, side * side, vision.output_channels]);
  const outputs: Record<string, Value> = { embedding: ops.permute({ x: embedding }, { dims: [0, 2, 1] }) };
  for (const [name, prompt] of Object.entries(promptsOf(expected, 4 * side))) {
    const { masks, scores } = decode(prompt, embedding, w, config, dtype);
    outputs[`${name} masks`] = masks;
    outputs[`${name} scores`] = scores;
  }
  return outputs;
};

/** The three masks of multimask. */
function decode(prompt: SamPrompt, embedding: Value, w: Weights, config: SamConfig, dtype: DType) {
  const { graph } = embedding;
  const { image_size: square, image_embedding_size: side } = config;
  const placement = { width: square, height: square, cut: [square, square] as const };
  const tokens = tokensOf(prompt, placement, config);
  const T = tokens.labels.length;
  const coords = graph.constant({ dtype: "f32", shape: [1, T, 2] }, Float32Array.from(tokens.coords));
  const labels = graph.constant({ dtype: "i32", shape: [1, T] }, Int32Array.from(tokens.labels));
  const { maskInput } = prompt;
  const mask =
    maskInput &&
    graph.constant({ dtype, shape: [1, 4 * side, 4 * side, 1] }, dtype === "f16" ? toHalfArray(maskInput) : maskInput);
  const image = samImage(embedding, w, config, mask);
  const made = samDecoder(promptTokens(coords, labels, w, config), image, w, config);
  const multimask = (x: Value) => ops.narrow({ x }, { axis: 1, start: 1, length: (x.shape[1] as number) - 1 });
  return { masks: multimask(made.lowResMasks), scores: multimask(made.iouScores) };
}

/** Compares a SAM with the expected.json beside it, in each type that the device has. */
export async function* verifySam(
  device: Device,
  from: SourceLike,
  options: VerifyOptions = {},
): AsyncGenerator<Verification> {
  for await (const { dtype, got, expected } of runs(device, from, buildSam, options)) {
    yield compare("image_embeddings", dtype, got.embedding, [expected.image_embeddings]);
    for (const name of Object.keys(promptsOf(expected, 1))) {
      const wanted = expected.outputs[name];
      if (!wanted) throw new CheckpointError(`expected.json has no output ${name}`);
      const { pred_masks, iou_scores } = wanted;
      yield compare(`${name}`, dtype, got[`${name} masks`], [pred_masks]);
      yield compare(`${name} scores`, dtype, got[`${name} scores`], [
        { shape: [1, iou_scores.length], first: iou_scores },
      ]);
    }
  }
}
