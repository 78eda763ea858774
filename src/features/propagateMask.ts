// Segmentation of a video from the mask of its first frame (propagatedMasks.ts), loaded where it is asked for.
import type { PatchFeatures } from "./featureRows.ts";
import type { GpuPatchFeatures, LabelMask, PropagatedMask, PropagateOptions } from "./labelSource.ts";

/**
 * Carries the labels of the first frame through a video. Frames come in order, the first one first, all on one grid;
 * each gives a mask of `firstMask`'s size, the first its own. A mask of more cells than the grid is sampled to it
 * (nearest) and the results are interpolated back. Features that stayed on the GPU (`keepOnGpu`) are compared there;
 * they remain the caller's, who may dispose of them when the next frame is asked for.
 *
 * @throws ArgumentError for a mask or options out of range, for frames of several grids or models, or with NaN; the
 * signal's reason when aborted; LimitError where the GPU cannot hold the features of the frames that are known.
 * @example
 * for await (const { data } of propagateMask(frames.map((frame) => dino.encodeImage(frame)), mask)) save(data);
 */
export async function* propagateMask(
  frames:
    | Iterable<PatchFeatures | GpuPatchFeatures | Promise<PatchFeatures | GpuPatchFeatures>>
    | AsyncIterable<PatchFeatures | GpuPatchFeatures>,
  firstMask: LabelMask,
  options: PropagateOptions = {},
): AsyncGenerator<PropagatedMask> {
  const { propagatedMasks } = await import("./propagatedMasks.ts");
  yield* propagatedMasks(frames, firstMask, options);
}
