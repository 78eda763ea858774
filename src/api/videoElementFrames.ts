// The frames of a <video>: it is sent to the time of each, and then shows it.
import { ArgumentError, ImageError } from "../device/errors.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { FrameSource } from "./frameSource.ts";

export class VideoElementFrames implements FrameSource {
  readonly length: number;
  readonly #element: HTMLVideoElement;
  readonly #frameRate: number;

  private constructor(element: HTMLVideoElement, frameRate: number, length: number) {
    this.#element = element;
    this.#frameRate = frameRate;
    this.length = length;
  }

  /**
   * @throws ArgumentError for a stream, which has no end, or a frame rate that is none; ImageError for a film that the
   * browser cannot play.
   */
  static async open(element: HTMLVideoElement, frameRate: number, signal: AbortSignal): Promise<VideoElementFrames> {
    if (!(frameRate > 0 && frameRate <= 1000)) {
      throw new ArgumentError(`frameRate is ${frameRate}, expected a number above 0 and up to 1000`);
    }
    if (element.readyState < 1) await happens(element, "loadedmetadata", signal);
    const { duration } = element;
    if (!Number.isFinite(duration)) {
      throw new ArgumentError("the video element plays a stream, which has no end: give liveFrames of it");
    }
    element.pause();
    return new VideoElementFrames(element, frameRate, Math.max(1, Math.round(duration * frameRate)));
  }

  /** The element itself, which shows the frame until another one is asked for. */
  async frame(index: number, signal: AbortSignal): Promise<ImageLike> {
    const element = this.#element;
    const time = Math.min((index + 0.5) / this.#frameRate, element.duration); // the middle: times are rounded
    if (Math.abs(element.currentTime - time) > 1e-4 || element.seeking || element.readyState < 2) {
      const shown = happens(element, "seeked", signal);
      element.currentTime = time;
      await shown;
    }
    return element;
  }
}

/** Waits for an event of an element. */
function happens(element: HTMLVideoElement, event: "loadedmetadata" | "seeked", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const off = new AbortController();
    const end = (settle: () => void) => () => {
      off.abort();
      settle();
    };
    const failed = () =>
      new ImageError(
        `the video element cannot play its film: ${element.error?.message || "the browser does not say why"}`,
      );
    if (element.error) return end(() => reject(failed()))();
    if (signal.aborted) return end(() => reject(signal.reason))();
    const listening = { signal: off.signal };
    element.addEventListener(event, end(resolve), listening);
    element.addEventListener(
      "error",
      end(() => reject(failed())),
      listening,
    );
    signal.addEventListener(
      "abort",
      end(() => reject(signal.reason)),
      listening,
    );
  });
}
