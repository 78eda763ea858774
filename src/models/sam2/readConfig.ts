// config.json of SAM 2 models, with the class defaults of transformers' Sam2Config and Sam2VideoConfig
// (models/sam2/configuration_sam2.py): published files often hold only what differs from them.
import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, number, object, only, side } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import type { SamConfig, SamDecoderConfig } from "../sam/config.ts";
import { decoderConfig, promptConfig } from "../sam/readConfig.ts";
import type { HieraConfig, Sam2VisionConfig } from "./config.ts";
import { PATCH_STRIDE } from "./hiera.ts";
import type { PyramidConfig } from "./imageEncoder.ts";

const STAGES = 4;
/** Pixels of a side that become a place of the embedding, the map of the third stage. */
const EMBEDDING_STRIDE = PATCH_STRIDE * 4;

/**
 * Reads config.json of a Sam2Model or a Sam2VideoModel.
 *
 * @throws CheckpointError on another family, absurd or unknown settings, or parts that do not fit together
 */
export function sam2Config(json: unknown): SamConfig {
  const config = object(json, "config.json");
  const type = config.model_type ?? "sam2";
  if (type !== "sam2" && type !== "sam2_video") {
    throw new CheckpointError(`config.json says model_type ${JSON.stringify(type)}, expected "sam2" or "sam2_video"`);
  }
  const part = (name: string): Fields => ({ file: `config.json: ${name}`, json: object(config[name] ?? {}, name) });
  return checkedSam2({
    vision: sam2VisionConfig(part("vision_config")),
    prompt: promptConfig(part("prompt_encoder_config")),
    decoder: sam2DecoderConfig(part("mask_decoder_config")),
  });
}

/** The feature pyramid, whatever its backbone. */
export function pyramidConfig(part: Fields) {
  for (const [key, value] of Object.entries({ fpn_kernel_size: 1, fpn_stride: 1, fpn_padding: 0 }))
    only(part, key, value);
  only(part, "num_feature_levels", 3);
  return {
    fpn_hidden_size: integer(part, "fpn_hidden_size", 256, 8, 1 << 14),
    fpn_top_down_levels: integers(part, "fpn_top_down_levels", [2, 3], 0, undefined),
  };
}

export function sam2VisionConfig(part: Fields): Sam2VisionConfig {
  const json = object(part.json.backbone_config ?? {}, `${part.file}.backbone_config`);
  const backbone: Fields = { file: `${part.file}.backbone_config`, json };
  return {
    model_type: "sam2_vision_model",
    image_size: side(backbone, "image_size", 1024, 32, 8192),
    backbone_config: hieraConfig(backbone),
    ...pyramidConfig(part),
  };
}

function hieraConfig(part: Fields): HieraConfig {
  const fixed = { patch_kernel_size: 7, patch_stride: 4, patch_padding: 3, query_stride: 2, num_channels: 3 };
  for (const [key, value] of Object.entries(fixed)) {
    const got = side(part, key, value, 0, 1 << 10);
    if (got !== value) throw new CheckpointError(`${part.file}: ${key} is ${got}, expected ${value}`);
  }
  only(part, "num_query_pool_stages", STAGES - 1);
  const stages = (key: string, fallback: readonly number[]) => integers(part, key, fallback, 1, STAGES);
  const background = "window_positional_embedding_background_size";
  const [rows = 0, columns = 0] = integers(part, background, [7, 7], 1, 2);
  return {
    hidden_size: integer(part, "hidden_size", 96, 1, 1 << 14),
    blocks_per_stage: stages("blocks_per_stage", [1, 2, 7, 2]),
    embed_dim_per_stage: stages("embed_dim_per_stage", [96, 192, 384, 768]),
    num_attention_heads_per_stage: stages("num_attention_heads_per_stage", [1, 2, 4, 8]),
    window_size_per_stage: stages("window_size_per_stage", [8, 4, 14, 7]),
    global_attention_blocks: integers(part, "global_attention_blocks", [5, 7, 9], 0, undefined),
    [background]: [rows, columns],
    mlp_ratio: number(part, "mlp_ratio", 4, 0, 1024),
    hidden_act: hiddenAct(part, "gelu"),
    layer_norm_eps: number(part, "layer_norm_eps", 1e-6, 0, 1),
  };
}

/** A list of whole numbers from `least` to 65536, of this length unless that is undefined. */
export function integers(
  { file, json }: Fields,
  key: string,
  fallback: readonly number[],
  least: number,
  length: number | undefined,
): readonly number[] {
  const value = json[key] ?? fallback;
  const isNumber = (n: unknown) => Number.isInteger(n) && (n as number) >= least && (n as number) <= 1 << 16;
  if (Array.isArray(value) && value.every(isNumber) && value.length === (length ?? value.length)) return value;
  const expected = `${length ?? "a list of"} whole numbers from ${least}`;
  throw new CheckpointError(`${file}: ${key} is ${JSON.stringify(value)}, expected ${expected}`);
}

/** transformers has ReLU and an eps of 1e-5 in the layers of the decoder, whatever its config says. */
export function sam2DecoderConfig(part: Fields): SamDecoderConfig {
  only(part, "num_hidden_layers", 2);
  const flag = part.json.dynamic_multimask_via_stability ?? true;
  if (typeof flag !== "boolean") {
    throw new CheckpointError(
      `${part.file}: dynamic_multimask_via_stability is ${JSON.stringify(flag)}, expected true or false`,
    );
  }
  const decoder = decoderConfig({ ...part, json: { ...part.json, hidden_act: "relu", layer_norm_eps: 1e-5 } }, 1e-5);
  only(part, "iou_head_hidden_dim", decoder.hidden_size);
  return {
    ...decoder,
    pred_obj_scores: true,
    dynamic_multimask_via_stability: flag,
    dynamic_multimask_stability_delta: number(part, "dynamic_multimask_stability_delta", 0.05, 0, 1e3),
    dynamic_multimask_stability_thresh: number(part, "dynamic_multimask_stability_thresh", 0.98, 0, 1e3),
  };
}

/** Throws unless the three parts fit together. */
export function checkedSam2(
  parts: Pick<SamConfig, "prompt" | "decoder"> & { readonly vision: PyramidConfig },
): SamConfig {
  const { vision, prompt, decoder } = parts;
  const fail = (why: string): never => {
    throw new CheckpointError(`config.json: ${why}`);
  };
  const widths = [vision.fpn_hidden_size, prompt.hidden_size, decoder.hidden_size];
  if (new Set(widths).size > 1) {
    const which = "fpn_hidden_size and hidden_size of the prompt encoder and mask decoder";
    fail(`${which} are ${widths.join(", ")}, expected one width`);
  }
  const isHiera = vision.model_type === "sam2_vision_model";
  const wrong = isHiera && wrongHiera(vision.backbone_config, vision.image_size);
  if (wrong) fail(wrong);
  const { hidden_size, num_attention_heads: heads, attention_downsample_rate: rate } = decoder;
  if (hidden_size % 8 || hidden_size % (heads * rate)) {
    fail(`the mask decoder's hidden_size ${hidden_size} does not divide into ${heads} heads at 1/${rate} of the width`);
  }
  return { image_size: vision.image_size, image_embedding_size: vision.image_size / EMBEDDING_STRIDE, ...parts };
}

/** Why a Hiera of these sizes cannot be, where it cannot. */
function wrongHiera(config: HieraConfig, imageSize: number): string | undefined {
  const { blocks_per_stage, embed_dim_per_stage, num_attention_heads_per_stage, window_size_per_stage } = config;
  const [firstWindow = 1] = window_size_per_stage;
  const coarsest = PATCH_STRIDE * 2 ** (STAGES - 1);
  if (imageSize % coarsest || imageSize % (PATCH_STRIDE * firstWindow)) {
    const window = `${PATCH_STRIDE} * ${firstWindow}, a window of pixels`;
    return `image_size ${imageSize} is no multiple of ${coarsest} and of ${window}`;
  }
  if (embed_dim_per_stage[0] !== config.hidden_size) {
    return `embed_dim_per_stage begins with ${embed_dim_per_stage[0]}, expected the hidden_size ${config.hidden_size}`;
  }
  const odd = window_size_per_stage.slice(0, -1).find((window) => window % 2);
  if (odd)
    return `window_size_per_stage has ${odd} before the last stage, expected even sides, as the next stage halves them`;
  const stage = embed_dim_per_stage.findIndex((width, i) => width % (num_attention_heads_per_stage[i] as number));
  if (stage >= 0) {
    const heads = num_attention_heads_per_stage[stage];
    return `${embed_dim_per_stage[stage]} channels of stage ${stage} do not divide into ${heads} heads`;
  }
  const opening = blocks_per_stage.map((_, i) => blocks_per_stage.slice(0, i).reduce((a, b) => a + b, 0)).slice(1);
  const both = opening.find((block) => config.global_attention_blocks.includes(block));
  return both === undefined
    ? undefined
    : `global_attention_blocks has ${both}, which opens a stage: transformers runs no such model`;
}
