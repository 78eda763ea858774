// SAM 2 and EdgeTAM for videos, which VideoSegmenter opens; on pictures the same checkpoints are of family.ts.
import { CheckpointError } from "../../device/errors.ts";
import { edgeTamNaming } from "../edgetam/names.ts";
import { edgeTamVideoConfig } from "../edgetam/readConfig.ts";
import type { Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import { hasOriginalSam2Names } from "../sam/names.ts";
import { tokenLabels } from "../sam/promptEncoder.ts";
import type { Naming } from "../weights.ts";
import { BESIDE, sam2Naming, UNREAD_OF_VIDEO } from "./names.ts";
import { originalSam2VideoConfig, originalSam2VideoNaming } from "./originalVideo.ts";
import { sam2Recipe } from "./readSam2.ts";
import { type Sam2VideoConfig, sam2VideoConfig } from "./videoConfig.ts";
import { videoEncoderPart, videoObjectPart } from "./videoParts.ts";

export interface Sam2VideoModel extends FamilyModel {
  readonly config: Sam2VideoConfig;
}

export const sam2Video: Family<Sam2VideoModel> = {
  name: "sam2-video",
  title: "SAM 2 or EdgeTAM for videos",
  modelClass: "Sam",
  modelTypes: ["sam2_video", "edgetam_video"],
  beside: [...BESIDE, ...UNREAD_OF_VIDEO],
  recognizes: () => true,
  read: async (files) => readSam2Video(files),
};

function readSam2Video(files: ModelFiles): Sam2VideoModel {
  const { config, naming } = settingsOf(files);
  const object = (dtype: FloatType, by: "prompt" | "memory" | "mask") => {
    const sizes = { objects: 1, slots: 1, frames: 1, pointers: 1, size: [1, 1] as const, hasLogits: false };
    return videoObjectPart({ config, dtype, ...sizes, T: tokenLabels(config).outputs + 2, isMultimask: true, by });
  };
  return {
    config,
    recipe: sam2Recipe(files, config),
    naming,
    firstParts: (dtype) => [videoEncoderPart({ config, dtype })],
    otherParts: (dtype) => [object(dtype, "prompt"), object(dtype, "memory"), object(dtype, "mask")],
    examples: () => ({}),
  };
}

/** By config.json, or under the original names without one by the tensors. */
function settingsOf(files: ModelFiles): { readonly config: Sam2VideoConfig; readonly naming: Naming } {
  const { model_type } = (files.config ?? {}) as { readonly model_type?: unknown };
  if (model_type === "edgetam_video") return { config: edgeTamVideoConfig(files.config), naming: edgeTamNaming };
  const isOriginal = hasOriginalSam2Names(files);
  const naming = isOriginal ? originalSam2VideoNaming : sam2Naming;
  if (model_type === "sam2_video") return { config: sam2VideoConfig(files.config), naming };
  if (isOriginal && files.config === undefined) return { config: originalSam2VideoConfig(files), naming };
  throw new CheckpointError(
    `${files.name} is no SAM 2 or EdgeTAM for videos: expected a config.json with model_type "sam2_video", as in ` +
      `facebook/sam2.1-hiera-tiny, or "edgetam_video", or SAM 2's original names without one; got ` +
      JSON.stringify(model_type),
  );
}
