// A small SAM 2 or EdgeTAM through a video, for runtimes other than Node: a click, the frames after it, a correction
// and the frame after that, against transformers' logits and object scores.
import { type ImageLike, readSafetensors, type SourceLike } from "../src/index.ts";
import { type SegmentedVideo, type VideoMask, VideoSegmenter } from "../src/video.ts";

/** Models of test/golden. */
export const VIDEO_MODELS = ["small-sam2-video", "small-edgetam"] as const;

/** The frames are parts of a photo, those that scripts/goldenSam2Video.py begins with. */
export const VIDEO = {
  photo: "demos/photos/astronaut.png",
  regions: Array.from({ length: 8 }, (_, i) => ({ left: 150 + 9 * i, top: 20 + 6 * i, width: 128, height: 128 })),
} as const;

export interface VideoSmokeResult {
  /** Masks that were compared. */
  readonly steps: number;
  /** Largest difference to transformers' low-resolution logits. */
  readonly logitError: number;
  /** Largest difference to transformers' object scores. */
  readonly scoreError: number;
  /** Buffers that are left on the device when video and model are disposed of, beyond those of before. */
  readonly leakedBuffers: number;
}

/** Largest differences that pass. */
export const VIDEO_TOLERANCE = { logitError: 1e-3, scoreError: 1e-3 } as const;

/** The masks that are compared: a click, six frames, a correction of the last and a frame. */
export const VIDEO_STEPS = 9;

/** `golden` is the file of transformers' outputs for the frames. */
export async function videoSmoke(
  model: SourceLike,
  golden: string | URL,
  frames: readonly ImageLike[],
): Promise<VideoSmokeResult> {
  const segmenter = await VideoSegmenter.fromPretrained(model);
  const { memory } = await segmenter.device();
  const video = await segmenter.open(frames);
  const steps = await follow(video);
  video.dispose();
  segmenter.dispose();
  const file = await readSafetensors(golden);
  const read = async (name: string) => new Float32Array((await file.tensors.get(name)?.read())?.buffer ?? []);
  let [logitError, scoreError] = [0, 0];
  for (const [name, { lowResLogits = new Float32Array(), score }] of Object.entries(steps)) {
    logitError = Math.max(logitError, largestDifference(lowResLogits, await read(`${name}.logits`)));
    scoreError = Math.max(scoreError, largestDifference([score], await read(`${name}.score`)));
  }
  await file.close();
  return { steps: Object.keys(steps).length, logitError, scoreError, leakedBuffers: memory.buffers };
}

/** Masks by their names in the golden. */
async function follow(video: SegmentedVideo): Promise<Record<string, VideoMask>> {
  const logits = { returnLogits: true };
  const steps: Record<string, VideoMask> = {};
  steps["first.click.0"] = await video.addPrompt(0, 1, { points: [{ x: 60, y: 50 }] }, logits);
  for await (const { frame, masks } of video.propagate({ from: 1, ...logits })) {
    steps[`first.forward.${frame}`] = masks.get(1) as VideoMask;
    if (frame === 6) break;
  }
  const points = [
    { x: 40, y: 70 },
    { x: 100, y: 20, label: 0 as const },
  ];
  steps["first.correction.6"] = await video.addPrompt(6, 1, { points }, logits);
  for await (const { frame, masks } of video.propagate({ from: 7, ...logits })) {
    steps[`first.again.${frame}`] = masks.get(1) as VideoMask;
  }
  return steps;
}

/** A number that JSON holds: the largest there is where one of them is missing or is none. */
function largestDifference(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length === 0 || got.length !== wanted.length) return Number.MAX_VALUE;
  const differences = Array.from(got, (value, i) => Math.abs(value - (wanted[i] ?? Number.NaN)));
  return differences.reduce((most, value) => (value >= 0 ? Math.max(most, value) : Number.MAX_VALUE), 0);
}
