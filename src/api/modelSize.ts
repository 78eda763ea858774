// How much a model is to download, before anything of it is.

import { INDEX, OPEN_CLIP, SINGLE } from "../io/safetensors/checkpoint.ts";
import { shardsOf } from "../io/safetensors/shards.ts";
import { openSource } from "../io/source/openSource.ts";
import type { ModelFile, Source, SourceLike, SourceOptions } from "../io/source/source.ts";
import type { ModelClass } from "../models/family.ts";
import { processorFiles, readSettings } from "../session/pretrained.ts";

/** What `modelSize` finds. */
export interface ModelSize {
  /** All files together. */
  readonly bytes: number;
  /** `model_type` of config.json, "clip" for open_clip's folders; undefined where nothing says it. */
  readonly family: string | undefined;
  /** The class that runs it: "Clip", "Dino" or "Sam"; undefined where the settings do not tell. */
  readonly modelClass: ModelClass | undefined;
  /** Each file that loading asks for. */
  readonly files: readonly ModelFile[];
}

/**
 * The size of a model's files and its family, from the server's headers and config.json: the weights are not
 * downloaded, and nothing is kept.
 *
 * @throws NotFoundError when there is no such model or it has no safetensors; NetworkError; InvalidFileError.
 * @example
 * const { bytes, family } = await modelSize("openai/clip-vit-base-patch32"); // 607_567_208, "clip"
 */
export async function modelSize(from: SourceLike, options: SourceOptions = {}): Promise<ModelSize> {
  const { signal, revision, subfolder, variant } = options;
  const source = await openSource(from, { signal, revision, subfolder, variant, cache: false });
  const { allFamilies } = await import("../models/families.ts");
  const families = allFamilies();
  const { config, openClip } = await readSettings(source, families);
  const type = openClip === undefined ? (config as { model_type?: unknown } | undefined)?.model_type : "clip";
  const family = families.find(({ modelTypes }) => modelTypes.some((known) => known === type));
  let weights = await weightsOf(source);
  if (weights.length === 0)
    weights = await weightsOf(await (await import("../io/safetensors/noWeights.ts")).convertedSource(source));
  const others = openClip === undefined ? [] : (family?.settings ?? []); // read where config.json does not say all
  const settings = ["config.json", ...others, ...processorFiles(config, openClip)];
  const files = [...(await sizes(source, settings)), ...weights];
  if (family?.hasTokenizer) files.push(...(await tokenizerSizes(source)));
  signal?.throwIfAborted();
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { bytes, family: typeof type === "string" ? type : undefined, modelClass: family?.modelClass, files };
}

/** Files that are asked for at once: of an index's hundreds of shards each would be a connection. */
const AT_ONCE = 16;

/** The tokenizer that a load takes: the older pair of files where the new one is not there. */
async function tokenizerSizes(source: Source): Promise<ModelFile[]> {
  const files = await sizes(source, ["tokenizer_config.json", "tokenizer.json"]);
  if (files.some(({ name }) => name === "tokenizer.json")) return files;
  return [...files, ...(await sizes(source, ["vocab.json", "merges.txt"]))];
}

async function weightsOf(source: Source): Promise<ModelFile[]> {
  return sizes(source, await weightNames(source));
}

/** The files of the weights, as `openCheckpoint` finds them. */
async function weightNames(source: Source): Promise<string[]> {
  if (await has(source, SINGLE)) return [SINGLE];
  const index = await source.json(INDEX);
  if (index !== undefined) return [INDEX, ...shardsOf(source, index)];
  return (await has(source, OPEN_CLIP)) ? [OPEN_CLIP] : [];
}

async function has(source: Source, name: string): Promise<boolean> {
  return (await sizes(source, [name])).length > 0;
}

/** Those of some files that are there. */
async function sizes(source: Source, names: readonly string[]): Promise<ModelFile[]> {
  const files: (ModelFile | undefined)[] = [];
  const sizeOf = async (name: string) => {
    const file = await source.open(name);
    await file?.close?.();
    return file && { name, bytes: file.size };
  };
  for (let at = 0; at < names.length; at += AT_ONCE) {
    files.push(...(await Promise.all(names.slice(at, at + AT_ONCE).map(sizeOf))));
  }
  return files.filter((file) => file !== undefined);
}
