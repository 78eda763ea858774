// SAM 2 for videos as a family of its own, which VideoSegmenter opens; on pictures the same checkpoints are of
// models/sam2/family.ts.
import { CheckpointError } from "../../device/errors.ts";
import type { Family, FamilyModel, FloatType, ModelFiles } from "../family.ts";
import { hasOriginalSam2Names } from "../sam/names.ts";
import { tokenLabels } from "../sam/promptEncoder.ts";
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
  title: "SAM 2 for videos",
  modelClass: "Sam",
  modelTypes: ["sam2_video"],
  beside: [...BESIDE, ...UNREAD_OF_VIDEO],
  recognizes: () => true,
  read: async (files) => readSam2Video(files),
};

function readSam2Video(files: ModelFiles): Sam2VideoModel {
  const { model_type } = (files.config ?? {}) as { readonly model_type?: unknown };
  const isOriginal = hasOriginalSam2Names(files);
  if (model_type !== "sam2_video" && !(isOriginal && files.config === undefined)) {
    throw new CheckpointError(
      `${files.name} is no SAM 2 for videos: expected a config.json with model_type "sam2_video", as in ` +
        `facebook/sam2.1-hiera-tiny, or the original names without one; got ${JSON.stringify(model_type)}`,
    );
  }
  const config = files.config === undefined ? originalSam2VideoConfig(files) : sam2VideoConfig(files.config);
  const object = (dtype: FloatType, by: "prompt" | "memory" | "mask") => {
    const sizes = { slots: 1, frames: 1, pointers: 1, size: [1, 1] as const, hasLogits: false };
    return videoObjectPart({ config, dtype, ...sizes, T: tokenLabels(config).outputs + 2, isMultimask: true, by });
  };
  return {
    config,
    recipe: sam2Recipe(files, config),
    naming: isOriginal ? originalSam2VideoNaming : sam2Naming,
    firstParts: (dtype) => [videoEncoderPart({ config, dtype })],
    otherParts: (dtype) => [object(dtype, "prompt"), object(dtype, "memory"), object(dtype, "mask")],
    examples: () => ({}),
  };
}
