// How much a model is to download, before anything of it is.

import { NotFoundError } from "../device/errors.ts";
import { INDEX, OPEN_CLIP, SINGLE } from "../io/safetensors/checkpoint.ts";
import { shardsOf } from "../io/safetensors/shards.ts";
import { openSource } from "../io/source/openSource.ts";
import type { ModelFile, Source, SourceLike, SourceOptions } from "../io/source/source.ts";

/** What `modelSize` finds. */
export interface ModelSize {
  /** All files together. */
  readonly bytes: number;
  /** `model_type` of config.json, "clip" for open_clip's folders; undefined where nothing says it. */
  readonly family: string | undefined;
  /** Each file that loading asks for. */
  readonly files: readonly ModelFile[];
}

const TOKENIZER = ["tokenizer_config.json", "tokenizer.json"];
const OLD_TOKENIZER = ["vocab.json", "merges.txt"];

/**
 * The size of a model's files and its family, from the server's headers and config.json: the weights are not
 * downloaded, and nothing is kept.
 *
 * @throws NotFoundError when there is no such model or it has no safetensors; NetworkError; InvalidFileError.
 * @example
 * const { bytes, family } = await modelSize("openai/clip-vit-base-patch32"); // 607_567_208, "clip"
 */
export async function modelSize(from: SourceLike, options: SourceOptions = {}): Promise<ModelSize> {
  const { signal, revision } = options;
  const source = await openSource(from, { signal, revision, cache: false });
  const { family, settings } = await familyOf(source);
  const weights = await weightNames(source);
  if (weights.length === 0) throw new NotFoundError(`${source.name} has no weights: expected ${SINGLE} or ${INDEX}`);
  const files = await sizes(source, [...settings, "preprocessor_config.json", ...weights]);
  if (family === "clip") {
    const tokenizer = await sizes(source, TOKENIZER);
    const isNew = tokenizer.some(({ name }) => name === "tokenizer.json");
    files.push(...tokenizer, ...(isNew ? [] : await sizes(source, OLD_TOKENIZER)));
  }
  return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), family, files };
}

async function familyOf(source: Source): Promise<{ family: string | undefined; settings: string[] }> {
  const config = (await source.json("config.json")) as { model_type?: unknown } | undefined;
  if (typeof config?.model_type === "string") return { family: config.model_type, settings: ["config.json"] };
  const isOpenClip = await has(source, "open_clip_config.json");
  const own = config ? ["config.json"] : [];
  return isOpenClip
    ? { family: "clip", settings: [...own, "open_clip_config.json"] }
    : { family: undefined, settings: own };
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

async function sizes(source: Source, names: readonly string[]): Promise<ModelFile[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const file = await source.open(name);
      await file?.close?.();
      return file && { name, bytes: file.size };
    }),
  );
  return found.filter((file) => file !== undefined);
}
