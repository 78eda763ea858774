// What a checkpoint is and what a run of it costs on a device, from its headers and configuration alone: no weight is
// read.
import type { Device } from "../device/device.ts";
import { CheckpointError } from "../device/errors.ts";
import { sizeOf } from "../device/tensor.ts";
import { Graph } from "../graph/graph.ts";
import { l2Normalize } from "../graph/ops.ts";
import { type PlanSummary, plan } from "../graph/plan.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { Source, SourceLike, SourceOptions } from "../io/source/source.ts";
import { type ClipConfig, clipConfig, openClipConfig } from "../models/clip/config.ts";
import { configOf } from "../models/clip/files.ts";
import { clipImage, clipText } from "../models/clip/model.ts";
import { clipNaming } from "../models/clip/names.ts";
import { Weights } from "../models/weights.ts";
import { computedIn, type ModelDType, planOptions } from "../session/session.ts";

export interface ModelDescription {
  /** "clip", or another model_type of config.json, of which only the tensors are described. */
  readonly family: string;
  readonly tensors: number;
  readonly parameters: number;
  /** Types of the stored tensors. */
  readonly stored: readonly string[];
  readonly storedBytes: number;
  readonly clip?: ClipDescription;
}

export interface ClipDescription {
  readonly config: ClipConfig;
  /** Length of an embedding. */
  readonly dimensions: number;
  /** Cost of one picture, after it was resized; undefined when the checkpoint has no image tower. */
  readonly image?: PlanSummary;
  /** Cost of one text of full length. */
  readonly text?: PlanSummary;
  /** Tensors of the checkpoint that nothing reads. */
  readonly unread: readonly string[];
}

export interface DescribeOptions extends SourceOptions {
  readonly dtype?: ModelDType;
}

/**
 * Describes a checkpoint.
 *
 * @throws NotFoundError, NetworkError, InvalidFileError or CheckpointError, by what is wrong with it.
 * @example
 * (await describeModel("openai/clip-vit-base-patch32", device)).clip?.image?.flops; // 8.8e9
 */
export async function describeModel(
  from: SourceLike,
  device: Device,
  options: DescribeOptions = {},
): Promise<ModelDescription> {
  const source = await openSource(from, options);
  const family = await familyOf(source);
  const isOpenClip = family === "clip" && (await configOf(source)) === undefined;
  const checkpoint = await openCheckpoint(source, options, isOpenClip ? "open_clip_model.safetensors" : undefined);
  try {
    const tensors = [...checkpoint.tensors.values()];
    return {
      family,
      tensors: tensors.length,
      parameters: tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      stored: [...new Set(tensors.map(({ dtype }) => dtype))],
      storedBytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
      ...(family === "clip" && { clip: await describeClip(source, checkpoint, device, options.dtype ?? "f32") }),
    };
  } finally {
    await checkpoint.close();
  }
}

async function familyOf(source: Source): Promise<string> {
  const config = (await configOf(source)) as { model_type?: unknown } | undefined;
  if (config) return String(config.model_type ?? "clip").replace(/^clip_(vision|text)_model$/, "clip");
  if (await source.json("open_clip_config.json")) return "clip";
  throw new CheckpointError(`${source.name} has no config.json and no open_clip_config.json: is it a model's folder?`);
}

async function describeClip(
  source: Source,
  checkpoint: Checkpoint,
  device: Device,
  type: ModelDType,
): Promise<ClipDescription> {
  const json = await configOf(source);
  const config = json ? clipConfig(json) : openClipConfig(await source.json("open_clip_config.json"));
  const [dtype, planned] = [computedIn(type), await planOptions(type, device)];
  const read = new Set<string>();
  let dimensions = 0;
  const cost = (build: (graph: Graph, weights: Weights) => void): PlanSummary => {
    const graph = new Graph();
    const weights = Weights.of(graph, checkpoint, dtype, clipNaming(checkpoint));
    build(graph, weights);
    for (const name of weights.read) read.add(name);
    for (const { shape } of graph.outputs.values()) dimensions = shape.at(-1) ?? 0;
    return plan(graph, device, planned).summary();
  };
  const has = (name: string) => Weights.of(new Graph(), checkpoint, dtype, clipNaming(checkpoint)).has(name);
  const { image_size: side } = config.vision;
  const T = config.text.max_position_embeddings;
  const image =
    has("vision_model.embeddings.patch_embedding.weight") &&
    cost((graph, weights) => {
      const pixels = graph.input("pixels", { dtype, shape: [1, side, side, 3] });
      graph.output("embeds", l2Normalize({ x: clipImage(pixels, weights, config.vision).embeds }));
    });
  const text =
    has("text_model.embeddings.token_embedding.weight") &&
    cost((graph, weights) => {
      const ids = graph.input("ids", { dtype: "i32", shape: [1, T] });
      const end = graph.input("end", { dtype: "i32", shape: [1] });
      graph.output("embeds", l2Normalize({ x: clipText(ids, end, weights, config.text).embeds }));
    });
  // Read by `similarity`; position_ids are the numbers 0, 1, 2 … that old files carry.
  const isKnown = (name: string) => read.has(name) || name === "logit_scale" || name.endsWith(".position_ids");
  const unread = [...checkpoint.tensors.keys()].filter((name) => !isKnown(name));
  return { config, dimensions, ...(image && { image }), ...(text && { text }), unread };
}
