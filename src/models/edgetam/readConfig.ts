// config.json of EdgeTAM, with the class defaults of transformers' EdgeTamConfig and EdgeTamVideoConfig
// (configuration_edgetam.py and configuration_edgetam_video.py below models), and of timm's RepViTs.
import { CheckpointError } from "../../device/errors.ts";
import { type Fields, integer, object, only, side, text } from "../fields.ts";
import type { SamConfig } from "../sam/config.ts";
import { promptConfig } from "../sam/readConfig.ts";
import { checkedSam2, integers, pyramidConfig, sam2DecoderConfig } from "../sam2/readConfig.ts";
import { memoryConfig, onlyList, type Sam2VideoConfig } from "../sam2/videoConfig.ts";
import type { EdgeTamVisionConfig, PerceiverConfig, RepVitConfig } from "./config.ts";

const STAGES = 4;
/** Pixels of a side that become a place of the last stage's map. */
const COARSEST = 32;

/** timm's architectures: models/repvit.py. */
const REPVITS: Readonly<Record<string, RepVitConfig>> = {
  repvit_m1: { embed_dim: [48, 96, 192, 384], depth: [2, 2, 14, 2], legacy: true },
  repvit_m2: { embed_dim: [64, 128, 256, 512], depth: [2, 2, 12, 2], legacy: true },
  repvit_m3: { embed_dim: [64, 128, 256, 512], depth: [4, 4, 18, 2], legacy: true },
  repvit_m0_9: { embed_dim: [48, 96, 192, 384], depth: [2, 2, 14, 2], legacy: false },
  repvit_m1_0: { embed_dim: [56, 112, 224, 448], depth: [2, 2, 14, 2], legacy: false },
  repvit_m1_1: { embed_dim: [64, 128, 256, 512], depth: [2, 2, 12, 2], legacy: false },
  repvit_m1_5: { embed_dim: [64, 128, 256, 512], depth: [4, 4, 24, 4], legacy: false },
  repvit_m2_3: { embed_dim: [80, 160, 320, 640], depth: [6, 6, 34, 2], legacy: false },
};

/**
 * Reads config.json of an EdgeTamModel or an EdgeTamVideoModel.
 *
 * @throws CheckpointError on another family, absurd or unknown settings, or parts that do not fit together
 */
export function edgeTamConfig(json: unknown): SamConfig {
  const config = object(json, "config.json");
  const type = config.model_type ?? "edgetam";
  if (type !== "edgetam" && type !== "edgetam_video") {
    throw new CheckpointError(
      `config.json says model_type ${JSON.stringify(type)}, expected "edgetam" or "edgetam_video"`,
    );
  }
  const part = (name: string): Fields => ({ file: `config.json: ${name}`, json: object(config[name] ?? {}, name) });
  const prompt = part("prompt_encoder_config");
  const size = side(prompt, "image_size", 1024, COARSEST, 8192);
  return checkedSam2({
    vision: visionConfig(part("vision_config"), size),
    prompt: promptConfig(prompt),
    decoder: sam2DecoderConfig(part("mask_decoder_config")),
  });
}

function visionConfig(part: Fields, size: number): EdgeTamVisionConfig {
  only(part, "model_type", "edgetam_vision_model"); // transformers has SAM 2's where a file does not say it
  if (part.json.model_type === undefined) {
    throw new CheckpointError(`${part.file} has no model_type, expected "edgetam_vision_model"`);
  }
  if (size % COARSEST) {
    throw new CheckpointError(`config.json: prompt_encoder_config.image_size ${size} is no multiple of ${COARSEST}`);
  }
  const maps = [4, 8, 16].map((stride) => [size / stride, size / stride]);
  onlyList(part, "backbone_feature_sizes", maps);
  const json = object(part.json.backbone_config ?? {}, `${part.file}.backbone_config`);
  const backbone_config = repVitConfig({ file: `${part.file}.backbone_config`, json });
  onlyList(part, "backbone_channel_list", [...backbone_config.embed_dim].reverse());
  return { model_type: "edgetam_vision_model", image_size: size, backbone_config, ...pyramidConfig(part) };
}

/** timm's model behind transformers' TimmWrapperModel: an architecture, and arguments in place of its own. */
function repVitConfig(part: Fields): RepVitConfig {
  only(part, "model_type", "timm_wrapper");
  const { architecture } = part.json;
  const name = text(architecture ?? "repvit_m1").split(".")[0] as string; // without the weights that it began with
  const published = Object.hasOwn(REPVITS, name) ? REPVITS[name] : undefined;
  if (!published) {
    const known = Object.keys(REPVITS).join(", ");
    throw new CheckpointError(
      `${part.file}: architecture is ${JSON.stringify(architecture)}, expected one of ${known}`,
    );
  }
  const args: Fields = {
    file: `${part.file}.model_args`,
    json: object(part.json.model_args ?? {}, `${part.file}.model_args`),
  };
  only(args, "in_chans", 3);
  only(args, "features_only", true);
  onlyList(args, "out_indices", [0, 1, 2, 3]);
  const { embed_dim, depth, legacy } = published;
  const config = {
    embed_dim: integers(args, "embed_dim", embed_dim, 1, STAGES),
    depth: integers(args, "depth", depth, 1, STAGES),
    legacy: args.json.legacy ?? legacy,
  };
  const read = ["in_chans", "features_only", "out_indices", ...Object.keys(config)];
  const unknown = Object.keys(args.json).find((key) => !read.includes(key));
  if (unknown !== undefined) {
    throw new CheckpointError(`${args.file} has ${JSON.stringify(unknown)}, expected of ${read.join(", ")} alone`);
  }
  only(args, "legacy", config.legacy === true); // any but true or false is refused
  return { ...config, legacy: config.legacy === true };
}

/**
 * Reads config.json of an EdgeTamVideoModel.
 *
 * @throws CheckpointError on another model, absurd or unknown settings
 */
export function edgeTamVideoConfig(json: unknown): Sam2VideoConfig {
  const config = edgeTamConfig(json);
  const part: Fields = { file: "config.json", json: object(json, "config.json") };
  const memory = memoryConfig(part, config, { layers: 2, feedForwardAct: "memory_attention_mlp_hidden_act" });
  const perceiver = perceiverConfig(part, config, memory.memory_encoder_output_channels);
  return { ...config, memory, perceiver };
}

function perceiverConfig(part: Fields, { image_embedding_size }: SamConfig, channels: number): PerceiverConfig {
  only(part, "perceiver_resampler_num_attention_heads", 1); // of several, transformers mixes the channels up
  only(part, "perceiver_resampler_hidden_size", channels);
  only(part, "perceiver_resampler_attention_head_dim", channels);
  const windows = integer(part, "perceiver_resampler_num_latents_2d", 256, 1, 1 << 16);
  const windowsOfSide = Math.sqrt(windows);
  if (!Number.isInteger(windowsOfSide) || image_embedding_size % windowsOfSide) {
    throw new CheckpointError(
      `config.json: perceiver_resampler_num_latents_2d is ${windows}, expected the square of a number that divides ` +
        `the ${image_embedding_size} places of a side`,
    );
  }
  const key = "memory_attention_rope_k_sizes";
  onlyList({ ...part, json: { [key]: part.json[key] ?? [16, 16] } }, key, [windowsOfSide, windowsOfSide]);
  return {
    perceiver_resampler_num_latents: integer(part, "perceiver_resampler_num_latents", 256, 1, 1 << 16),
    perceiver_resampler_num_latents_2d: windows,
    perceiver_resampler_num_layers: integer(part, "perceiver_resampler_num_layers", 2, 1, 64),
  };
}
