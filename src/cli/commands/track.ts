// `track`: objects, shown in frames of a video, in all of its frames. All prompts come first; then the objects are
// followed from the earliest prompted frame to the end, and from there back to the beginning.
import { existsSync } from "node:fs";
import type { SegmentedVideo, VideoMask } from "../../api/segmentedVideo.ts";
import { VideoSegmenter } from "../../api/videoSegmenter.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { shortest } from "../../io/numbers.ts";
import { checkFfmpeg } from "../../io/video/ffmpeg.ts";
import { WRITING } from "../../io/video/videoFileWriter.ts";
import { toCocoRle } from "../../masks/cocoRle.ts";
import { maskEdges } from "../../masks/edges.ts";
import { encodeRle, maskArea } from "../../masks/rle.ts";
import { type Context, modelName, modelSource, openModel } from "../context.ts";
import { EXIT, UsageError } from "../failure.ts";
import { isFile } from "../files/outputs.ts";
import { checkArguments } from "../files/pictureArguments.ts";
import { type TrackedMask, TrackFiles } from "../files/trackFiles.ts";
import { checkFrames, openTrackFrames, type TrackFrames } from "../files/trackFrames.ts";
import { checkInside } from "../prompts.ts";
import { Report } from "../report.ts";
import { type ObjectPrompt, videoPrompt } from "../trackPrompts.ts";
import { TrackSummary } from "../trackSummary.ts";

/** The checkpoint for videos that ships. */
const SHIPPED = "tiny-sam2";

export interface TrackRequest {
  /** The frames in their order, or a video file. */
  readonly images: readonly string[];
  /** Names of the objects, in the order of their numbers. */
  readonly objects: readonly string[];
  /** What shows them, by frame. */
  readonly prompts: readonly ObjectPrompt[];
  /** Lines on how they are read. */
  readonly notes: readonly string[];
  /** A folder; the table alone when absent. */
  readonly out?: string;
  /** Write the frames with the masks over them too. */
  readonly overlay: boolean;
  /** Write them as a film. */
  readonly mp4: boolean;
  /** Write over files that are there already. */
  readonly force: boolean;
}

/** Throws UsageError for what cannot be meant, before the model is loaded. */
export function checkTrack({ images, prompts, out, overlay, mp4, force }: TrackRequest): void {
  checkArguments(images);
  checkFrames(images);
  if (prompts.length === 0) {
    throw new UsageError("nothing says what to track: give --point x,y or --box x0,y0,x1,y1");
  }
  if (out === undefined && (overlay || mp4 || force))
    throw new UsageError("--overlay, --mp4 and --force are of files: give --out FOLDER");
  if (out !== undefined && isFile(out)) throw new UsageError(`--out ${out} is a picture, expected a folder`);
  if (out !== undefined && existsSync(out) && !force) {
    throw new UsageError(`${out} is there already: name another folder by --out, or --force to write into it`);
  }
}

export async function track(request: TrackRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const { images, prompts, mp4 } = request;
  for (const note of request.notes) terminal.note(note);
  if (mp4) await checkFfmpeg(WRITING);
  const lastPrompted = Math.max(...prompts.map(({ frame }) => frame));
  const frames = await openTrackFrames({ images, lastPrompted }, terminal, signal);
  try {
    const source = modelSource(options, SHIPPED);
    using segmenter = await openModel(context, (load) => VideoSegmenter.fromPretrained(source, load), SHIPPED);
    using video = await segmenter.open<string>(frames.frames, { promptedFrames: mostPrompted(prompts), signal });
    return await trackIn(video, segmenter.dtype, frames, request, context);
  } finally {
    frames.close();
  }
}

/** Frames in which an object is shown, at most: all of them are remembered. */
function mostPrompted(prompts: readonly ObjectPrompt[]): number {
  const counts = new Map<string, number>();
  for (const { object } of prompts) counts.set(object, (counts.get(object) ?? 0) + 1);
  return Math.max(...counts.values());
}

async function trackIn(
  video: SegmentedVideo<string>,
  dtype: string,
  frames: TrackFrames,
  request: TrackRequest,
  context: Context,
): Promise<number> {
  const { options, terminal, signal } = context;
  const { out, prompts } = request;
  const model = modelName(options, SHIPPED);
  const areInOrder = prompts[0]?.frame === 0;
  const files = out === undefined ? undefined : await TrackFiles.open({ ...request, out, areInOrder, model }, frames);
  const report = new Report(terminal, options, { model, dtype });
  const summary = new TrackSummary(request.objects);
  try {
    await addPrompts(video, prompts, signal);
    const progress = terminal.progress("frames", frames.count ?? 0, "frames");
    for await (const { frame, masks, written } of follow(video, request, files, signal)) {
      summary.add(frame, masks);
      report.row({ frame, image: frames.path(frame), masks: masks.map(json), files: written });
      progress.update(summary.frames);
    }
    progress.stop();
    await files?.makeFilm(summary.frames, terminal, signal);
  } catch (error) {
    await files?.close().catch(() => {}); // what was done stays, and the first error is the one to tell
    throw error;
  }
  const ofAllFrames = (await files?.close()) ?? [];
  if (frames.complaint) terminal.warn(`${frames.path(0)}: all frames came, but ffmpeg says "${frames.complaint}"`);
  report.end({ files: ofAllFrames });
  if (report.isJson) return EXIT.OK;
  terminal.result(summary.text());
  if (out !== undefined) terminal.result(out);
  return EXIT.OK;
}

async function addPrompts(
  video: SegmentedVideo<string>,
  prompts: readonly ObjectPrompt[],
  signal: AbortSignal,
): Promise<void> {
  for (const { points, box } of prompts) checkInside(points, box ? [box] : [], video);
  const returnLogits = new Set(prompts.map(({ object }) => object)).size > 1;
  for (const prompt of prompts) {
    await video.addPrompt(prompt.frame, prompt.object, videoPrompt(prompt), { returnLogits, signal });
  }
}

interface FollowedFrame {
  readonly frame: number;
  readonly masks: readonly TrackedMask[];
  readonly written: readonly string[];
}

/** The masks of all objects in each frame, when they are written: that is done while the next frame is computed. */
async function* follow(
  video: SegmentedVideo<string>,
  { objects, prompts }: TrackRequest,
  files: TrackFiles | undefined,
  signal: AbortSignal,
): AsyncGenerator<FollowedFrame, void, undefined> {
  const from = prompts[0]?.frame ?? 0;
  const direction = from === 0 ? "forward" : "both";
  let before: Promise<FollowedFrame> | undefined;
  const write = async (frame: number, masks: readonly TrackedMask[], picture: RgbaImage | undefined) => {
    return { frame, masks, written: (await files?.write(frame, masks, picture)) ?? [] };
  };
  try {
    // Logits say whose a pixel is that several objects have.
    const returnLogits = objects.length > 1;
    for await (const { frame, masks } of video.propagate({ from, direction, returnLogits, signal })) {
      const picture = await files?.picture(frame, signal);
      if (before) yield await before;
      before = write(
        frame,
        objects.map((object) => tracked(object, masks.get(object) as VideoMask)),
        picture,
      );
      before.catch(() => {}); // told of when the next frame is there
    }
  } catch (error) {
    if (before) yield await before;
    throw error;
  }
  if (before) yield await before;
}

function tracked(object: string, found: VideoMask): TrackedMask {
  return { object, found, rle: encodeRle({ ...found, data: found.mask }) };
}

function json({ object, found, rle }: TrackedMask) {
  const { score } = found;
  return { object, score: shortest(score), area: maskArea(rle), box: maskEdges(rle), segmentation: toCocoRle(rle) };
}
