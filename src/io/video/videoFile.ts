// What ffprobe tells of a video file.
import { ImageError } from "../../device/errors.ts";
import { Ffmpeg, type FfmpegOptions, inputOf, said } from "./ffmpeg.ts";

export interface VideoFacts {
  /** Frames a second on average, a fraction as in "30000/1001"; undefined where the file does not tell. */
  readonly rate: string | undefined;
  /** Frames as the file has it written, which are not all of them where it was cut off. */
  readonly told: number | undefined;
  /** The same, or about as many as fit its duration. */
  readonly estimate: number | undefined;
}

/** For what decodes a file. */
export function decoding(path: string): FfmpegOptions {
  return { purpose: `${path} is a video, which the program ffmpeg decodes`, otherwise: "give a folder of its frames" };
}

/**
 * What the file says of its video.
 *
 * @throws ImageError for a file without one; NotFoundError without ffprobe.
 */
export async function videoFacts(path: string, signal: AbortSignal): Promise<VideoFacts> {
  const { avg_frame_rate = "", nb_frames, duration } = await firstVideo(path, [], signal);
  const [rate, above, below] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(avg_frame_rate) ?? [];
  const told = countOf(nb_frames);
  const fitting = Math.round((Number(duration) * Number(above)) / Number(below));
  return { rate, told, estimate: told ?? (fitting >= 1 ? fitting : undefined) };
}

/**
 * Decodes the whole file once, to know how many frames it gives, and what ffmpeg complains of meanwhile.
 *
 * @throws as `videoFacts`; ImageError for a file that ends before its last frame.
 */
export async function countFrames(path: string, { told }: VideoFacts, signal: AbortSignal) {
  const { nb_read_frames, words } = await firstVideo(path, ["-count_frames"], signal);
  const count = countOf(nb_read_frames);
  if (count === undefined)
    throw new ImageError(`${path} has no frames that ffmpeg can decode: ${words || "no reason"}`);
  checkWhole(path, count, told, words);
  return { count, complaint: words };
}

/** A file may have written more frames than it shows, which editors of videos do: without a complaint that is whole. */
export function checkWhole(path: string, count: number, told: number | undefined, words: string): void {
  if (told === undefined || count >= told || words === "") return;
  throw new ImageError(
    `${path} ends early, after ${count} of ${told} frames: copy or download it again. ffmpeg says "${words}"`,
  );
}

interface ProbedFile {
  readonly streams?: readonly StreamFacts[];
  readonly format?: { readonly duration?: string };
}

interface StreamFacts {
  readonly avg_frame_rate?: string;
  readonly nb_frames?: string;
  readonly nb_read_frames?: string;
}

/** Of the first stream that is a video, and no picture of a cover. */
async function firstVideo(path: string, flags: readonly string[], signal: AbortSignal) {
  signal.throwIfAborted();
  const entries = "stream=avg_frame_rate,nb_frames,nb_read_frames:format=duration";
  const about = ["-select_streams", "V:0", "-show_entries", entries, "-of", "json"];
  const probe = new Ffmpeg("ffprobe", ["-v", "error", ...flags, ...about, ...inputOf(path)], decoding(path));
  const stop = () => probe.kill();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [text, ended] = await Promise.all([probe.text(), probe.ended]);
    signal.throwIfAborted();
    if (ended.code !== 0) throw new ImageError(`${path} cannot be read as a video: ffprobe says ${said(ended)}`);
    const { streams: [stream] = [], format } = parsed(path, text);
    if (!stream) throw new ImageError(`${path} has no video in it, expected a file with one`);
    return { ...stream, duration: format?.duration, words: ended.words };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function parsed(path: string, text: string): ProbedFile {
  try {
    return JSON.parse(text) as ProbedFile;
  } catch (cause) {
    throw new ImageError(`what ffprobe says of ${path} is no JSON: is another program called ffprobe?`, { cause });
  }
}

function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}
