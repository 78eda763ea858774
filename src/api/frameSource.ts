// Where the frames of a video come from: a list, in which each can be asked for at any time, or whatever gives one
// after the other.
import type { ImageLike } from "../io/image/image.ts";

/** Where the frames of a video come from, for what `VideoSegmenter.open` does not take by itself. */
export interface FrameSource {
  /**
   * How many frames there are, each of which may be asked for at any time and again. Absent where they come one after
   * the other: the video then asks for frame 0, 1, 2 and so on, each once.
   */
  readonly length?: number | undefined;
  /**
   * A frame, undefined after the last one. What can be closed (a VideoFrame, an ImageBitmap) is the video's from then
   * on, which closes it, once. A rejection is an error of the frame alone: the video asks again when it is asked.
   */
  frame(index: number, signal: AbortSignal): Promise<ImageLike | undefined>;
  /** Ends it, when the video is disposed of. */
  close?(): void;
}

/** Frees a picture that can be closed. */
export function closeFrame(image: ImageLike | undefined): void {
  if (typeof image === "object" && image !== null && "close" in image) image.close();
}

/** A promise's result, or the signal's reason as soon as it is aborted. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
