// SAM 2 through a video: an object that is shown in one frame is found in the others. What is remembered of an object
// stays on the GPU in buffers of fixed size; of a frame its mask is read back, and nothing else.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { closePicture, openImage } from "../io/image/image.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import type { Sam2VideoConfig } from "../models/sam2/videoConfig.ts";
import { type Sam2VideoModel, sam2Video } from "../models/sam2/videoFamily.ts";
import { openPretrained, type PretrainedModel } from "../session/pretrained.ts";
import type { ModelDType, Session, SessionOptions } from "../session/session.ts";
import { FrameCursor } from "./frameCursor.ts";
import { type Frames, openFrames } from "./openFrames.ts";
import { SegmentedVideo } from "./segmentedVideo.ts";
import type { MemoryLimits } from "./videoMemory.ts";

/** Options of `VideoSegmenter.fromPretrained`. */
export type VideoSegmenterOptions = SourceOptions & SessionOptions;

/** Options of `VideoSegmenter.open`. */
export interface OpenVideoOptions {
  /** In how many frames an object may be shown for the first time, at most: 4 when absent. */
  readonly promptedFrames?: number;
  /** How many tracked frames are remembered of an object, the nearest ones: 16 when absent. */
  readonly trackedFrames?: number;
  /** Frames a second that are taken of an HTMLVideoElement: 25 when absent. */
  readonly frameRate?: number;
  /** Cancels opening: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** SAM 2 through videos: masks of objects in every frame, from a click or a box in one of them. */
export class VideoSegmenter {
  /** Sizes of the model, as the checkpoint has them. */
  readonly config: Sam2VideoConfig;
  /** Type of weights and activations. */
  readonly dtype: ModelDType;
  /** Why it is this one, where `dtype: "auto"` left the choice open. */
  readonly dtypeReason: string | undefined;
  readonly #session: Session;
  readonly #model: Sam2VideoModel;

  private constructor({ session, model, dtypeReason }: PretrainedModel<Sam2VideoModel>) {
    this.#session = session;
    this.#model = model;
    this.config = model.config;
    this.dtype = session.modelDType;
    this.dtypeReason = dtypeReason;
  }

  /**
   * Loads SAM 2 or 2.1 for videos: a folder (Node, Deno), a URL of a folder, a Hub id, or bytes.
   *
   * @throws NotFoundError, NetworkError, InvalidFileError, CheckpointError, AdapterError or LimitError, by what is
   * wrong; nothing stays on the GPU then.
   * @example
   * using segmenter = await VideoSegmenter.fromPretrained("facebook/sam2.1-hiera-tiny");
   */
  static async fromPretrained(from: SourceLike, options: VideoSegmenterOptions = {}): Promise<VideoSegmenter> {
    return new VideoSegmenter(await openPretrained([sam2Video], from, options));
  }

  /** The device in use. */
  device(): Promise<Device> {
    return this.#session.device();
  }

  /**
   * Opens a video: its frames as pictures of one size, in their order, each of which is decoded when it is needed. A
   * list and a <video> are gone through in any order; what an async iterable gives is seen once, and the video closes
   * those pictures that can be closed (VideoFrame, ImageBitmap). `liveFrames` is for cameras. The video owns GPU
   * memory, and its source of frames: dispose of it.
   *
   * @throws ArgumentError for no frames; ImageError where the first is no picture or does not come.
   * @example
   * using segmenter = await VideoSegmenter.fromPretrained("facebook/sam2.1-hiera-tiny");
   * using video = await segmenter.open(["0.jpg", "1.jpg", "2.jpg"]);
   * await video.addPrompt(0, "cat", { points: [{ x: 450, y: 600 }] });
   * for await (const { frame, masks } of video.propagate()) console.log(frame, masks.get("cat")?.score);
   */
  async open<Name = string | number>(frames: Frames, options: OpenVideoOptions = {}): Promise<SegmentedVideo<Name>> {
    const { promptedFrames = 4, trackedFrames = 16, frameRate = 25, signal } = options;
    for (const [name, count] of Object.entries({ promptedFrames, trackedFrames })) {
      if (Number.isInteger(count) && count >= 1 && count <= 1 << 12) continue;
      throw new ArgumentError(`${name} is ${count}, expected a whole number from 1 to 4096`);
    }
    const limits: MemoryLimits = { prompted: promptedFrames, tracked: trackedFrames };
    const [session, model] = [this.#session, this.#model];
    return session.call(
      signal,
      async (callSignal) => {
        const cursor = new FrameCursor(await openFrames(frames, frameRate, callSignal));
        try {
          const { width, height } = await firstSize(cursor, callSignal);
          const device = await session.device();
          return new SegmentedVideo<Name>({ session, model, device, cursor, width, height, limits });
        } catch (error) {
          cursor.close();
          throw error;
        }
      },
      (video) => video.dispose(),
    );
  }

  /** Frees all GPU memory of the model, and its device unless the caller brought it. Its videos cannot be used then. */
  dispose(): void {
    this.#session.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The size of the first frame, which stays with the cursor. */
async function firstSize(cursor: FrameCursor, signal: AbortSignal): Promise<{ width: number; height: number }> {
  if (!(await cursor.exists(0, signal))) throw new ArgumentError("the video has no frames, expected some pictures");
  const picture = await openImage(await cursor.image(0, signal), signal);
  closePicture(picture);
  return picture;
}
