// From where a model's files are to a session that can run it: which family it is of, what its files say, its weights.
import { CheckpointError } from "../device/errors.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { OPEN_CLIP } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { Source, SourceLike, SourceOptions } from "../io/source/source.ts";
import { type Family, type FamilyModel, familyOf, type ModelFiles } from "../models/family.ts";
import { checkAllRead } from "../models/unread.ts";
import { plainCheckpoint } from "./plainCheckpoint.ts";
import { Session, type SessionOptions } from "./session.ts";

/** A checkpoint that was recognised: its family, and what its files say. */
export interface RecognizedModel<Model extends FamilyModel> {
  readonly source: Source;
  readonly checkpoint: Checkpoint;
  readonly family: Family<Model>;
  readonly model: Model;
}

/** How the weights of a model's files are opened. */
export type OpenWeights = typeof openCheckpoint;

/** A model whose first parts are ready to run. */
export interface PretrainedModel<Model extends FamilyModel> extends RecognizedModel<Model> {
  readonly session: Session;
  /** Why the type is what it is, where it was chosen for the caller. */
  readonly dtypeReason?: string;
}

/** Opens a model of one of these families and makes it ready. Nothing stays open or on the GPU when it throws. */
export async function openPretrained<Model extends FamilyModel>(
  families: readonly Family<Model>[],
  from: SourceLike,
  options: SourceOptions & SessionOptions,
): Promise<PretrainedModel<Model>> {
  const recognized = await recognizeModel(families, from, options);
  const { checkpoint, family, model } = recognized;
  const { dtype, ...others } = options;
  let session: Session | undefined;
  try {
    await checkAllRead(checkpoint, family, model);
    const chosen: Pick<PretrainedModel<Model>, "session" | "dtypeReason"> = dtype === "auto"
      ? await (await import("./autoDType.ts")).openAuto(Session.open, checkpoint, model, others)
      : { session: await Session.open(checkpoint, model, { ...others, dtype }) };
    session = chosen.session;
    await session.prepare(model.firstParts(session.dtype), options.signal);
    options.signal?.throwIfAborted();
    return { ...recognized, ...chosen };
  } catch (error) {
    if (session) session.dispose();
    else await checkpoint.close();
    throw error;
  }
}

/**
 * Opens a model of one of these families, and reads all files but the weights. The checkpoint is the caller's.
 * `openWeights` finds it among the files, when that is not `openCheckpoint`.
 */
export async function recognizeModel<Model extends FamilyModel>(
  families: readonly Family<Model>[],
  from: SourceLike,
  options: SourceOptions,
  openWeights: OpenWeights = openCheckpoint,
): Promise<RecognizedModel<Model>> {
  const { source, checkpoint, files } = await openModelFiles(families, from, options, openWeights);
  try {
    // Where none recognises it, the reader of the first says what it misses.
    const family = familyOf(families, files) ?? families[0];
    if (!family) throw new CheckpointError(`${source.name}: there is no family of models to read it`);
    return { source, checkpoint, family, model: await family.read(files) };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** Opens a checkpoint and the settings beside it that these families know, whatever it is. */
export async function openModelFiles(
  families: readonly Family[],
  from: SourceLike,
  options: SourceOptions,
  openWeights: OpenWeights = openCheckpoint,
): Promise<{ readonly source: Source; readonly checkpoint: Checkpoint; readonly files: ModelFiles }> {
  const source = await openSource(from, options);
  const settings = await readSettings(source, families);
  const preferred = settings.openClip === undefined ? undefined : OPEN_CLIP;
  const stored = await openWeights(source, options, preferred);
  try {
    const checkpoint = await plainCheckpoint(stored, source);
    return { source, checkpoint, files: { ...settings, name: checkpoint.name, tensors: checkpoint.tensors } };
  } catch (error) {
    await stored.close();
    throw error;
  }
}

/**
 * The JSON files beside the weights. A config.json of timm, which describes an image tower alone, or one that names no
 * model does not count where open_clip's file says all.
 */
export async function readSettings(
  source: Source,
  families: readonly Family[],
): Promise<Pick<ModelFiles, "config" | "openClip" | "processor">> {
  const config = await source.json("config.json");
  const mayBeOpenClip = families.some(({ settings }) => settings?.includes("open_clip_config.json"));
  const openClip = mayBeOpenClip && !isTransformers(config) ? await source.json("open_clip_config.json") : undefined;
  const processor = await readProcessor(source, processorFiles(config, openClip));
  return { config: openClip === undefined ? config : undefined, openClip, processor };
}

/** The files that may hold settings of transformers' processor: timm's and open_clip's folders have them in others. */
export function processorFiles(config: unknown, openClip: unknown): readonly string[] {
  return isTimm(config) || openClip !== undefined ? [] : ["processor_config.json", "preprocessor_config.json"];
}

/** Whether a config.json says what the model is in transformers' terms: a file of another kind may lie in its place. */
function isTransformers(config: unknown): boolean {
  const { model_type, ...others } = (config ?? {}) as Readonly<Record<string, unknown>>;
  return model_type !== undefined && (model_type !== "clip" || Object.keys(others).some((key) => TOWERS.test(key)));
}

const TOWERS = /^(text|vision)_config(_dict)?$/;

function isTimm(config: unknown): boolean {
  return (config as { architecture?: unknown } | undefined)?.architecture !== undefined;
}

/**
 * Transformers 5 saves one file for all of a model's processors; before it that file held no image processor. Where
 * both say something, the new one counts (transformers' image_processing_base.py: get_image_processor_dict).
 */
async function readProcessor(source: Source, files: readonly string[]): Promise<ModelFiles["processor"]> {
  const [all, image] = await Promise.all(files.map((file) => source.json(file)));
  const part = (all as { image_processor?: unknown } | undefined)?.image_processor;
  if (part != null) return { file: "processor_config.json: image_processor", json: part };
  return image === undefined ? undefined : { file: "preprocessor_config.json", json: image };
}
