// The family of SAM 2 and 2.1 (Hiera tiny, small, base plus, large) and of EdgeTAM (Zhou et al. 2025), which is SAM 2
// with RepViT in place of Hiera and a perceiver that makes memories small; of checkpoints for pictures and for videos,
// under transformers' names or, of SAM 2, the original ones, which come without a config.json.
import type { Family } from "../family.ts";
import { type SamModel, samModel } from "../sam/model.ts";
import { hasOriginalSam2Names } from "../sam/names.ts";

/** SAM 2 on pictures: what it has for videos is left. */
export const sam2: Family<SamModel> = {
  name: "sam2",
  title: "SAM 2 with Hiera",
  modelClass: "Sam",
  modelTypes: ["sam2", "sam2_video", "edgetam", "edgetam_video"],
  recognizes: (files) => {
    const type = (files.config as { model_type?: unknown } | undefined)?.model_type;
    return sam2.modelTypes.some((known) => known === type) || hasOriginalSam2Names(files);
  },
  read: async (files) => samModel((await import("./readSam2.ts")).readSam2(files)),
};
