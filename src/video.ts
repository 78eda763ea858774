/**
 * Objects through videos, by SAM 2: shown in one frame, found in the others.
 *
 * ```ts
 * import { VideoSegmenter } from "webgpu-vision/video";
 *
 * const segmenter = await VideoSegmenter.fromPretrained("facebook/sam2.1-hiera-tiny");
 * const video = await segmenter.open(["a.jpg", "b.jpg"]); // the frames, of one size; or a <video>, or what gives them
 * await video.addPrompt(0, "cat", { points: [{ x: 450, y: 600 }] });
 * for await (const { frame, masks } of video.propagate()) console.log(frame, masks.get("cat")?.score);
 * video.dispose();
 * segmenter.dispose();
 * ```
 *
 * @module
 */
export type { FrameSource } from "./api/frameSource.ts";
export { type LiveFrames, liveFrames } from "./api/liveFrames.ts";
export type { Frames } from "./api/openFrames.ts";
export {
  type PropagateOptions,
  SegmentedVideo,
  type VideoFrame,
  type VideoMask,
  type VideoPrompt,
  type VideoPromptOptions,
} from "./api/segmentedVideo.ts";
export { type OpenVideoOptions, VideoSegmenter, type VideoSegmenterOptions } from "./api/videoSegmenter.ts";
