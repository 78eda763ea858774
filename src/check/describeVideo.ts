// What a checkpoint of SAM 2 or EdgeTAM has for videos beside its parts for pictures.
import type { FloatType, ModelFiles } from "../models/family.ts";
import type { Part } from "../models/part.ts";
import { hasOriginalSam2Names } from "../models/sam/names.ts";
import { pointTokens } from "../models/sam/prompts.ts";
import { type Sam2VideoModel, sam2Video } from "../models/sam2/videoFamily.ts";
import { videoEncoderPart, videoObjectPart } from "../models/sam2/videoParts.ts";

/** DAVIS at 480p: masks come at the size of the frames. */
export const FRAME = [480, 854] as const;
/** Frames that `VideoSegmenter.open` remembers unless it is told otherwise. */
const [PROMPTED, TRACKED] = [4, 16];

/** The model for videos, where the checkpoint has one. */
export async function videoModelOf(files: ModelFiles): Promise<Sam2VideoModel | undefined> {
  const { model_type: type } = (files.config ?? {}) as { readonly model_type?: unknown };
  const isOriginal = files.config === undefined && hasOriginalSam2Names(files);
  const hasMemory = [...files.tensors.keys()].some((name) => name.startsWith("memory_attention."));
  const isVideo = sam2Video.modelTypes.some((known) => known === type) || (isOriginal && hasMemory);
  return isVideo ? sam2Video.read(files) : undefined;
}

/** What runs for a frame and for an object in it, with as much to look at as there may be. */
export function videoPartsOf({ config }: Sam2VideoModel, dtype: FloatType): Readonly<Record<string, Part>> {
  const { num_maskmem, max_object_pointers_in_encoder } = config.memory;
  const object = (by: "prompt" | "mask" | "memory", objects = 1) =>
    videoObjectPart({
      config,
      dtype,
      objects,
      slots: PROMPTED + TRACKED,
      frames: PROMPTED + num_maskmem - 1,
      pointers: PROMPTED + max_object_pointers_in_encoder - 1,
      T: pointTokens(config, [0, 0]).labels.length,
      isMultimask: true,
      by,
      size: FRAME,
      hasLogits: false,
    });
  return {
    "video frame": videoEncoderPart({ config, dtype }),
    "object by a click": object("prompt"),
    "object by a mask": object("mask"),
    "object by its memory": object("memory"),
    "4 objects by their memory": object("memory", 4),
  };
}
