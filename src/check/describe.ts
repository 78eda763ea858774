// What a checkpoint is and what its parts cost on a device, from its headers and configuration alone: no weights are
// read.
import type { Device } from "../device/device.ts";
import { CheckpointError } from "../device/errors.ts";
import { type Spec, sizeOf } from "../device/tensor.ts";
import { type PlanSummary, plan } from "../graph/plan.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import { allFamilies } from "../models/families.ts";
import { type Family, type FamilyModel, familyOf, type ModelFiles } from "../models/family.ts";
import { graphOf, type Part } from "../models/part.ts";
import { sam2Video } from "../models/sam2/videoFamily.ts";
import { unreadTensors } from "../models/unread.ts";
import { Weights } from "../models/weights.ts";
import { openModelFiles } from "../session/pretrained.ts";
import { computedIn, type ModelDType, planOptions } from "../session/session.ts";
import { videoModelOf, videoPartsOf } from "./describeVideo.ts";
import { storedOrSeeded } from "./seeded.ts";

/** What a checkpoint is, and what it costs on a device. */
export interface ModelDescription {
  /** "clip-vit", "sam-vit" …; `model_type` of what is of no family here. */
  readonly family: string;
  /** The same for people. */
  readonly title: string;
  /** Sizes of the model. */
  readonly config: object;
  readonly tensors: number;
  readonly parameters: number;
  /** Types of the stored tensors. */
  readonly stored: readonly string[];
  readonly storedBytes: number;
  /** Each part for one picture, text or prompt, by name; of SAM 2 for videos also for a frame and an object in it. */
  readonly parts: Readonly<Record<string, PartDescription>>;
  /** Tensors of the checkpoint that no part reads, but for what is known to be beside a model (heads, buffers). */
  readonly unread: readonly string[];
}

/** What a part takes, gives and costs. */
export interface PartDescription extends PlanSummary {
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly outputs: Readonly<Record<string, Spec>>;
}

/** Options of `describeModel`. */
export interface DescribeOptions extends SourceOptions {
  readonly dtype?: ModelDType;
}

/**
 * Describes a checkpoint of any family; where it has no weights, those that a manifest.json beside it describes.
 *
 * @throws NotFoundError, NetworkError, InvalidFileError or CheckpointError, by what is wrong with it.
 * @example
 * (await describeModel("openai/clip-vit-base-patch32", device)).parts.image?.flops; // 8.8e9
 */
export async function describeModel(
  from: SourceLike,
  device: Device,
  options: DescribeOptions = {},
): Promise<ModelDescription> {
  const { checkpoint, files } = await openModelFiles(allFamilies(), from, options, storedOrSeeded);
  try {
    const family = familyOf(allFamilies(), files);
    const model = await family?.read(files);
    const tensors = [...checkpoint.tensors.values()];
    return {
      ...(family ? { family: family.name, title: model?.title ?? family.title } : unknownFamily(files)),
      ...(family && model ? await describeParts(checkpoint, files, { family, model }, device, options.dtype) : UNREAD),
      tensors: tensors.length,
      parameters: tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      stored: [...new Set(tensors.map(({ dtype }) => dtype))],
      storedBytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    };
  } finally {
    await checkpoint.close();
  }
}

/** Of a model that is of no family here, only the tensors are described. */
const UNREAD = { config: {}, parts: {}, unread: [] } as const;

function unknownFamily({ config, name }: ModelFiles): Pick<ModelDescription, "family" | "title"> {
  const type = (config as { model_type?: unknown } | undefined)?.model_type;
  if (typeof type === "string") return { family: type, title: `${type}: no command of this version runs it` };
  throw new CheckpointError(
    `${name} is of no family that is read here: no config.json says so, and its tensors have the names of none`,
  );
}

async function describeParts(
  checkpoint: Checkpoint,
  files: ModelFiles,
  { family, model }: { readonly family: Family; readonly model: FamilyModel },
  device: Device,
  modelDType: ModelDType = "f32",
): Promise<Pick<ModelDescription, "config" | "parts" | "unread">> {
  const [dtype, options] = [computedIn(modelDType), await planOptions(modelDType, device)];
  const describe = (part: Part, { naming }: FamilyModel): PartDescription => {
    const graph = graphOf(part, (into) => Weights.of(into, checkpoint, dtype, naming));
    const outputs = [...graph.outputs].map(([name, value]) => [name, { dtype: value.dtype, shape: value.shape }]);
    return { inputs: part.inputs, outputs: Object.fromEntries(outputs), ...plan(graph, device, options).summary() };
  };
  const parts = Object.entries(model.examples(dtype)).map(([name, { part }]) => [name, describe(part, model)] as const);
  const video = await videoModelOf(files);
  const ofVideo = Object.entries(video ? videoPartsOf(video, dtype) : {});
  return {
    config: video?.config ?? model.config,
    parts: Object.fromEntries([
      ...parts,
      ...ofVideo.map(([name, part]) => [name, describe(part, video as FamilyModel)] as const),
    ]),
    unread: video ? unreadTensors(checkpoint, sam2Video, video) : unreadTensors(checkpoint, family, model),
  };
}
