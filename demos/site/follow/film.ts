// The film that is followed: pictures of a folder, a file that the browser plays, or a camera.
import { type FrameSource, type Frames, ImageError, liveFrames } from "../engine.ts";
import { el } from "../shell/dom.ts";

/** Frames that are shown and that are given to SAM 2. */
export interface Film {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Undefined for a camera. */
  readonly length: number | undefined;
  /** Frames a second. */
  readonly rate: number;
  /** What `VideoSegmenter.open` takes. */
  readonly frames: Frames;
  /** The picture of a frame, for the caller to close; of a camera the one that SAM 2 was given last. */
  picture(frame: number): Promise<ImageBitmap>;
  close(): void;
}

/** Frames a second of a folder of pictures. */
const FOLDER_RATE = 12;
/** Frames a second that are taken of a file; browsers do not tell how many it has. */
const FILE_RATE = 15;
/** More frames would take longer than somebody waits. */
const MOST_FRAMES = 900;

/** Pictures, in their order. */
export async function filmOfPictures(files: readonly File[], name: string): Promise<Film> {
  const first = await createImageBitmap(files[0] as File).catch((cause) => {
    throw new ImageError(`${files[0]?.name} cannot be decoded: this browser knows no picture like it`, { cause });
  });
  const { width, height } = first;
  first.close();
  return {
    name,
    width,
    height,
    length: files.length,
    rate: FOLDER_RATE,
    frames: files,
    picture: (frame) => createImageBitmap(files[frame] as File),
    close: () => {},
  };
}

/** A file that the browser plays. One element is for SAM 2 and one for what is shown: each is at its own frame. */
export async function filmOfFile(file: File): Promise<Film> {
  const url = URL.createObjectURL(file);
  try {
    const [given, shown] = await Promise.all([opened(url, file.name), opened(url, file.name)]);
    const { videoWidth: width, videoHeight: height, duration } = shown;
    const length = Math.max(1, Math.min(MOST_FRAMES, Math.floor(duration * FILE_RATE)));
    const source = (element: HTMLVideoElement): FrameSource => ({
      length,
      frame: async (index, signal) => {
        await seek(element, Math.min(duration, (index + 0.5) / FILE_RATE), signal);
        return createImageBitmap(element);
      },
    });
    const show = source(shown);
    let turn: Promise<unknown> = Promise.resolve(); // one seek at a time
    const picture = (frame: number) => {
      const next = turn.then(() => show.frame(frame, new AbortController().signal) as Promise<ImageBitmap>);
      turn = next.catch(() => {});
      return next;
    };
    return {
      name: file.name,
      width,
      height,
      length,
      rate: FILE_RATE,
      frames: source(given),
      picture,
      close: () => URL.revokeObjectURL(url),
    };
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error;
  }
}

/** What a camera shows. Each frame that SAM 2 takes is kept until the next one, to be shown with its masks. */
export async function filmOfCamera(): Promise<Film> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
  const element = el("video", { muted: true, playsinline: true });
  element.srcObject = stream;
  await element.play();
  const live = liveFrames(element);
  let last: ImageBitmap | undefined;
  const frames: FrameSource = {
    frame: async (index, signal) => {
      const frame = (await live.frame(index, signal)) as ImageBitmap | undefined;
      if (frame === undefined) return undefined;
      last?.close();
      last = await createImageBitmap(frame);
      return frame;
    },
    close: () => live.close(),
  };
  return {
    name: "camera",
    width: element.videoWidth,
    height: element.videoHeight,
    length: undefined,
    rate: FILE_RATE,
    frames,
    picture: async () => createImageBitmap(last ?? element),
    close: () => {
      live.close();
      for (const track of stream.getTracks()) track.stop();
      last?.close();
      last = undefined;
    },
  };
}

/** A <video> that knows its size and length. */
async function opened(url: string, name: string): Promise<HTMLVideoElement> {
  const element = el("video", { muted: true, playsinline: true, preload: "auto" });
  element.muted = true;
  const loaded = new Promise<void>((resolve, reject) => {
    element.addEventListener("loadeddata", () => resolve(), { once: true });
    element.addEventListener("error", () => reject(unplayable(element, name)), { once: true });
  });
  element.src = url;
  await loaded;
  // MediaRecorder's films tell their length when one goes to their end.
  if (element.duration === Number.POSITIVE_INFINITY) await seek(element, 1e9, new AbortController().signal);
  if (!Number.isFinite(element.duration)) throw new ImageError(`${name} does not tell how long it is`);
  return element;
}

function unplayable({ error }: HTMLVideoElement, name: string): ImageError {
  return new ImageError(`${name} cannot be played by this browser: ${error?.message || "it does not say why"}`);
}

function seek(element: HTMLVideoElement, time: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const off = new AbortController();
    const once = { signal: off.signal };
    const end = (settle: () => void) => {
      off.abort();
      settle();
    };
    element.addEventListener("seeked", () => end(resolve), once);
    element.addEventListener("error", () => end(() => reject(unplayable(element, "the film"))), once);
    signal.addEventListener("abort", () => end(() => reject(signal.reason)), once);
    element.currentTime = time;
  });
}
