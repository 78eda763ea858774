// What `VideoSegmenter.open` takes as frames: a list, an iterator, a <video>, a file, or a source of the caller's own.
import { ArgumentError, DisposedError, ImageError } from "../device/errors.ts";
import { isA } from "../device/tensor.ts";
import type { ImageLike } from "../io/image/image.ts";
import { closeFrame, type FrameSource, unlessAborted } from "./frameSource.ts";
import { VideoElementFrames } from "./videoElementFrames.ts";

/** What `VideoSegmenter.open` takes: pictures of one size, in their order; or, in Node, the path of a video file. */
export type Frames = readonly ImageLike[] | AsyncIterable<ImageLike> | HTMLVideoElement | FrameSource | string;

/** The frames of a list belong to who made it. */
class ListedFrames implements FrameSource {
  readonly isLent = true;
  readonly #list: readonly ImageLike[];

  constructor(list: readonly ImageLike[]) {
    if (list.length === 0) throw new ArgumentError("the video has no frames, expected a list of pictures");
    this.#list = list;
  }

  get length(): number {
    return this.#list.length;
  }

  async frame(index: number): Promise<ImageLike | undefined> {
    return this.#list[index];
  }
}

/** Frames as an iterator gives them. One that was asked for when a call was aborted is kept for the next call. */
class IteratedFrames implements FrameSource {
  readonly #iterator: AsyncIterator<ImageLike>;
  #next: Promise<IteratorResult<ImageLike>> | undefined;
  #isClosed = false;

  constructor(frames: AsyncIterable<ImageLike>) {
    this.#iterator = frames[Symbol.asyncIterator]();
  }

  async frame(index: number, signal: AbortSignal): Promise<ImageLike | undefined> {
    this.#next ??= this.#iterator.next();
    let result: IteratorResult<ImageLike>;
    try {
      result = await unlessAborted(this.#next, signal);
    } catch (cause) {
      signal.throwIfAborted(); // frame `index` may still come; a failure stays, as iterators do not go on after one
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ImageError(`frame ${index} did not come, what gives the frames failed: ${reason}`, { cause });
    }
    if (this.#isClosed) throw new DisposedError("this video was disposed; open it again"); // close() has the frame
    if (result.done) return undefined;
    this.#next = undefined;
    return result.value;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#next?.then(
      ({ done, value }) => done || closeFrame(value),
      () => {},
    );
    this.#iterator.return?.().catch(() => {});
  }
}

/** A source and whether its pictures stay the caller's. */
export interface OpenSource {
  readonly source: FrameSource;
  readonly isLent: boolean;
}

/**
 * Frames as a source of them.
 *
 * @throws ArgumentError for what gives no frames.
 */
export async function openFrames(frames: Frames, frameRate: number, signal: AbortSignal): Promise<OpenSource> {
  if (Array.isArray(frames)) return { source: new ListedFrames(frames), isLent: true };
  if (typeof frames === "string") return { source: await openFile(frames, signal), isLent: false };
  if (isA(frames, "HTMLVideoElement")) {
    return { source: await VideoElementFrames.open(frames, frameRate, signal), isLent: true };
  }
  if (typeof frames === "object" && frames !== null) {
    if (Symbol.asyncIterator in frames) return { source: new IteratedFrames(frames), isLent: false };
    if ("frame" in frames && typeof frames.frame === "function") {
      checkLength(frames.length);
      return { source: frames, isLent: false };
    }
  }
  throw new ArgumentError(
    `the frames are ${frames === null ? "null" : `of type ${typeof frames}`}, expected a list of pictures, an async ` +
      "iterable of them, an HTMLVideoElement, a FrameSource, or the path of a video file in Node",
  );
}

/** The frames of a file, in any order, by the user's ffmpeg: they are counted first. */
async function openFile(path: string, signal: AbortSignal): Promise<FrameSource> {
  const file = await import("../io/video/videoFileFrames.ts");
  if ("VideoFileFrames" in file) return file.VideoFileFrames.open(path, { isRandom: true, signal });
  throw new ArgumentError(`${path} is a path, which pages have none of: give a <video> that plays it`);
}

function checkLength(length: number | undefined): void {
  if (length === undefined || (Number.isInteger(length) && length >= 1)) return;
  throw new ArgumentError(
    `the source has ${length} frames, expected a whole number from 1, or none where it is unknown`,
  );
}
