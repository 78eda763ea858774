// The frames that `track` goes through: pictures, or a video file that the user's ffmpeg decodes.
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import type { FrameSource } from "../../api/frameSource.ts";
import type { Frames } from "../../api/openFrames.ts";
import { ImageError, NotFoundError } from "../../device/errors.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { VideoFileFrames } from "../../io/video/videoFileFrames.ts";
import { UsageError } from "../failure.ts";
import type { Terminal } from "../terminal.ts";
import { stems } from "./outputs.ts";
import { namedPictures, type PictureInput } from "./pictureArguments.ts";
import { loadPicture } from "./pictures.ts";

/** Frames a second of a film that is made of pictures. */
const PICTURE_RATE = "25";

/**
 * A video of fewer frames is counted first. Models know the length of those below `max_object_pointers_in_encoder` (16
 * where published): times of what they remember are parts of it.
 */
const SHORT = 64;

const VIDEOS: readonly string[] = (
  ".mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .m2v .ts .mts .m2ts .wmv .asf .flv .ogv .3gp .3g2 .mxf .vob .y4m " +
  ".h264 .264 .h265 .265 .hevc .ivf .nut"
).split(" ");

/** What to open, and how. */
export interface TrackFramesRequest {
  readonly images: readonly string[];
  /** The last frame with a prompt. Where it is not the first, frames of a video file are asked for in any order. */
  readonly lastPrompted: number;
}

export interface TrackFrames {
  /** For `VideoSegmenter.open`. */
  readonly frames: Frames;
  /** How many there are; of a video file that is gone through once, about how many. */
  readonly count: number | undefined;
  /** Frames a second, for a film: "30000/1001". */
  readonly rate: string;
  /** The picture's path, or the video's. */
  path(frame: number): string;
  /** A name for what is made of a frame. */
  stem(frame: number): string;
  /** The pixels of a frame, to be drawn on. */
  picture(frame: number, signal: AbortSignal): Promise<RgbaImage>;
  /** What was wrong with the video although all of its frames came; empty for nothing. */
  readonly complaint: string;
  close(): void;
}

/** Throws UsageError for pictures and videos that cannot be one video. */
export function checkFrames(images: readonly string[]): void {
  const video = images.find(isVideo);
  if (video === undefined) return;
  if (images.length > 1) throw new UsageError(`${video} is a video: give it alone, or pictures`);
  if (/^[a-z]{2,}:/i.test(video)) throw new UsageError(`${video} is no file: download it first`);
}

function isVideo(path: string): boolean {
  return VIDEOS.includes(extname(path).toLowerCase());
}

/**
 * Finds the frames.
 *
 * @throws NotFoundError for what is not there, ffmpeg included; ImageError for what is no video; UsageError for a
 * prompt of a frame that there is not.
 */
export async function openTrackFrames(
  { images, lastPrompted }: TrackFramesRequest,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<TrackFrames> {
  const [first = ""] = images;
  const frames =
    isVideo(first) && !(await isFolder(first))
      ? await videoFrames(first, lastPrompted > 0, signal)
      : await pictureFrames(images, terminal, signal);
  const length = (frames.frames as FrameSource).length;
  if (length !== undefined && lastPrompted >= length) {
    frames.close();
    throw new UsageError(`there is no frame ${lastPrompted}: the video has ${length} frames, the first of which is 0`);
  }
  return frames;
}

async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new NotFoundError(`there is no file ${path}: check the path`, { cause });
    throw new NotFoundError(`${path} cannot be read (${cause.code})`, { cause });
  });
  return stats.isDirectory();
}

async function videoFrames(path: string, isRandom: boolean, signal: AbortSignal): Promise<TrackFrames> {
  const source = await VideoFileFrames.open(path, { isRandom, countBelow: SHORT, signal });
  return {
    frames: source,
    count: source.length ?? source.facts.estimate,
    rate: source.facts.rate ?? PICTURE_RATE,
    path: () => path,
    stem: (frame) => String(frame).padStart(5, "0"),
    picture: async (frame, pictureSignal) => {
      const image = await source.frame(frame, pictureSignal);
      if (!image) throw new ImageError(`frame ${frame} of ${path} did not come again`);
      return { width: image.width, height: image.height, data: Uint8Array.from(image.data) };
    },
    get complaint() {
      return source.complaint;
    },
    close: () => source.close(),
  };
}

async function pictureFrames(images: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<TrackFrames> {
  const inputs = await picturesInOrder(images, terminal, signal);
  const names = stems(inputs.map(({ path }) => path));
  const at = (frame: number) => inputs[frame] as PictureInput;
  return {
    frames: inputs.map(({ image }) => image),
    count: inputs.length,
    rate: PICTURE_RATE,
    path: (frame) => at(frame).path,
    stem: (frame) => names[frame] as string,
    picture: async (frame, pictureSignal) => {
      const picture = await loadPicture(at(frame), pictureSignal);
      pictureSignal.throwIfAborted();
      if ("message" in picture) throw new ImageError(picture.message);
      return picture.image;
    },
    complaint: "",
    close: () => {},
  };
}

/**
 * All pictures, those of a folder or a pattern as people count them: 2 before 10. Where one is missing, what follows
 * would be of another time.
 */
async function picturesInOrder(images: readonly string[], terminal: Terminal, signal: AbortSignal) {
  const all: PictureInput[] = [];
  for (const image of images) {
    const { inputs, failures, notes } = await namedPictures([image], signal);
    if (failures[0]) throw new NotFoundError(failures[0].message);
    for (const note of notes) terminal.error(note);
    all.push(...[...inputs].sort((a, b) => NATURAL.compare(a.path, b.path)));
  }
  return all;
}

const NATURAL = new Intl.Collator("en", { numeric: true });
