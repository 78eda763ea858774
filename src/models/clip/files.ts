// What the files beside a CLIP's weights say: transformers' names or open_clip's.
import { CheckpointError } from "../../device/errors.ts";
import type { Source } from "../../io/source/source.ts";
import { openTokenizer, type Tokenizer } from "../../io/tokenizer.ts";
import {
  OPENAI_CLIP_MEAN,
  OPENAI_CLIP_STD,
  openClipPreprocessing,
  type Preprocessing,
  preprocessing,
} from "../preprocess/preprocess.ts";
import { type ClipConfig, clipConfig, openClipConfig } from "./config.ts";

export interface ClipFiles {
  readonly config: ClipConfig;
  readonly tokenizer: Tokenizer | undefined;
  readonly recipe: Preprocessing;
  /** File of the weights, where several may be there. */
  readonly weights: string | undefined;
}

/** Throws CheckpointError where they are not of a CLIP. */
export async function readClipFiles(source: Source): Promise<ClipFiles> {
  const json = await configOf(source);
  const openClip = json === undefined ? await source.json("open_clip_config.json") : undefined;
  if (json === undefined && openClip === undefined) {
    throw new CheckpointError(
      `${source.name} has no config.json and no open_clip_config.json: is it a CLIP checkpoint?`,
    );
  }
  const config = openClip === undefined ? clipConfig(json) : openClipConfig(openClip);
  const { image_size } = config.vision;
  const defaults: Preprocessing = {
    resize: image_size,
    resample: "bicubic",
    crop: [image_size, image_size],
    rescale: 1 / 255,
    mean: OPENAI_CLIP_MEAN,
    std: OPENAI_CLIP_STD,
  };
  const own = openClip === undefined ? defaults : openClipPreprocessing(openClip, defaults);
  const recipe = preprocessing(await source.json("preprocessor_config.json"), own);
  const weights = openClip === undefined ? undefined : "open_clip_model.safetensors";
  return { config, tokenizer: await openTokenizer(source), recipe, weights };
}

/** transformers' config.json. timm's, which describes the image tower alone, does not count: open_clip's says all. */
export async function configOf(source: Source): Promise<unknown> {
  const json = (await source.json("config.json")) as { architecture?: unknown } | undefined;
  return json?.architecture !== undefined && (await source.json("open_clip_config.json")) ? undefined : json;
}
