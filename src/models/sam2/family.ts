// The family of SAM 2 and 2.1 (Hiera tiny, small, base plus, large), of checkpoints for pictures and for videos, under
// transformers' names or the original ones, which come without a config.json.
import type { Family } from "../family.ts";
import { type SamModel, samModel } from "../sam/model.ts";
import { hasOriginalSam2Names } from "../sam/names.ts";

/** SAM 2 on pictures: what it has for videos is left. */
export const sam2: Family<SamModel> = {
  name: "sam2",
  title: "SAM 2 with Hiera",
  modelClass: "Sam",
  modelTypes: ["sam2", "sam2_video"],
  beside: [], // each checkpoint's own: readSam2
  recognizes: (files) => {
    const type = (files.config as { model_type?: unknown } | undefined)?.model_type;
    return sam2.modelTypes.some((known) => known === type) || hasOriginalSam2Names(files);
  },
  read: async (files) => samModel((await import("./readSam2.ts")).readSam2(files)),
};
