// The frames of a video on the GPU: the maps of the one that was encoded last.
import { type Device, USAGE } from "../device/device.ts";
import { DeviceLostError, DisposedError, ImageError } from "../device/errors.ts";
import { bufferBytes, type Spec } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import { closePicture, openImage } from "../io/image/image.ts";
import type { Sam2VideoModel } from "../models/sam2/videoFamily.ts";
import { frameSpecs, type VideoSettings, videoEncoderPart } from "../models/sam2/videoParts.ts";
import { encodePicture } from "../pictures/encodePictures.ts";
import { named } from "../pictures/named.ts";
import type { Collector } from "../pictures/tower.ts";
import type { Session } from "../session/session.ts";
import type { FrameCursor } from "./frameCursor.ts";
import type { MemoryLimits } from "./videoMemory.ts";

/** What a video is opened with. */
export interface VideoOrigin {
  readonly session: Session;
  readonly model: Sam2VideoModel;
  readonly device: Device;
  readonly cursor: FrameCursor;
  readonly width: number;
  readonly height: number;
  readonly limits: MemoryLimits;
}

export class VideoFrames {
  readonly #origin: VideoOrigin;
  /** Of the frame that was encoded last. */
  readonly buffers: Readonly<Record<string, GPUBuffer>>;
  #encoded: number | undefined;
  #isDisposed = false;

  constructor(origin: VideoOrigin) {
    this.#origin = origin;
    this.buffers = this.rooms(frameSpecs(this.settings));
  }

  get settings(): VideoSettings {
    return { config: this.#origin.model.config, dtype: this.#origin.session.dtype };
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#origin.cursor.close();
    this.free(this.buffers);
  }

  /** Encodes a frame, unless it is the one that was encoded last. */
  async encode(frame: number, signal: AbortSignal): Promise<void> {
    if (this.#encoded === frame) return;
    const { session, model, cursor } = this.#origin;
    const image = await cursor.image(frame, signal);
    const picture = await openImage(image, signal);
    try {
      const { width, height } = picture;
      const first = this.#origin;
      if (width !== first.width || height !== first.height) {
        throw new ImageError(
          `frame ${frame} is ${width} x ${height}, expected the first one's ${first.width} x ${first.height}`,
        );
      }
      const part = videoEncoderPart(this.settings);
      const tower = { session, recipe: () => model.recipe, part: () => part };
      this.#encoded = undefined; // until the buffers are whole
      await encodePicture(tower, this.#collector(), picture, signal);
      this.#encoded = frame;
      cursor.done();
    } catch (error) {
      throw named(error, image);
    } finally {
      closePicture(picture);
    }
  }

  /** Has the encoder write the video's buffers. */
  #collector(): Collector<undefined, undefined> {
    const { device } = this.#origin;
    const run = async (encoder: Executor, { record }: { record(encoder: GPUCommandEncoder): void }) => {
      this.check();
      const commands = device.gpu.createCommandEncoder();
      record(commands);
      encoder.encode(commands, { bindings: this.buffers });
      device.gpu.queue.submit([commands.finish()]);
      return undefined;
    };
    return { run, row: () => undefined };
  }

  /** Buffers of zeros. */
  rooms(specs: Readonly<Record<string, Spec>>): Record<string, GPUBuffer> {
    const { device } = this.#origin;
    const rooms: Record<string, GPUBuffer> = {};
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    try {
      for (const [name, spec] of Object.entries(specs)) {
        device.checkSize(spec, `a video's ${name}`, "remember fewer frames (promptedFrames, trackedFrames)");
        rooms[name] = device.createBuffer(bufferBytes(spec), usage, `video ${name}`);
      }
      return rooms;
    } catch (error) {
      this.free(rooms);
      throw error;
    }
  }

  /** Frees some buffers of the video's. */
  free(buffers: Readonly<Record<string, GPUBuffer>>): void {
    for (const buffer of Object.values(buffers)) this.#origin.device.free(buffer);
  }

  /** @throws DisposedError after `dispose`; DeviceLostError when the device is gone. */
  check(): void {
    if (this.#isDisposed) throw new DisposedError("this video was disposed; open it again");
    const { device } = this.#origin;
    if (device.lost) {
      throw new DeviceLostError("the GPU device was lost, what was remembered of the video with it; open it again");
    }
    device.check();
  }
}
