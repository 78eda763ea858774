// The one door to the engine: the models in a worker, so that a page never waits for them, and what computes on their
// results.
export * from "../../src/index.ts";
export {
  type FrameSource,
  type Frames,
  liveFrames,
  type SegmentedVideo,
  type VideoMask,
  VideoSegmenter,
} from "../../src/video.ts";
export { Clip, Dino, Sam, SamScene } from "../../src/worker/index.ts";
