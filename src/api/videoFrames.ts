// The frames of a video on the GPU: the maps of the one that was encoded last, and steps of objects in it.
import { type Device, USAGE } from "../device/device.ts";
import { DeviceLostError, DisposedError, ImageError } from "../device/errors.ts";
import { fromHalfArray } from "../device/half.ts";
import { bufferBytes, type HostArray, type Spec } from "../device/tensor.ts";
import type { Bindings } from "../graph/bindings.ts";
import type { Executor } from "../graph/executor.ts";
import { closePicture, openImage } from "../io/image/image.ts";
import { floatArray } from "../models/exampleInputs.ts";
import { type Placement, type SamPrompt, tokensOf } from "../models/sam/prompts.ts";
import { timeCode } from "../models/sam2/positions.ts";
import { memoryRows } from "../models/sam2/videoConfig.ts";
import type { Sam2VideoModel } from "../models/sam2/videoFamily.ts";
import {
  frameSpecs,
  type MemorySizes,
  memorySpecs,
  videoEncoderPart,
  videoObjectPart,
} from "../models/sam2/videoParts.ts";
import { encodePicture } from "../pictures/encodePictures.ts";
import { named } from "../pictures/named.ts";
import type { Collector } from "../pictures/tower.ts";
import type { Session } from "../session/session.ts";
import type { FrameCursor } from "./frameCursor.ts";
import { unpackMasks } from "./samMasks.ts";
import { type Look, type MemoryLimits, VideoMemory } from "./videoMemory.ts";

/** What shows an object in a frame: points, a box, or both; or its mask. */
export interface VideoPrompt extends Pick<SamPrompt, "points" | "box"> {
  /** [height * width] of the frame, 1 inside and 0 outside; excludes points and box. */
  readonly mask?: Uint8Array | undefined;
}

/** An object in a frame. */
export interface VideoMask {
  /** [height * width], 1 inside and 0 outside. */
  readonly mask: Uint8Array;
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** Above 0 where the object is in the frame: a logit, 10 where its mask was given. Elsewhere the mask is empty. */
  readonly score: number;
  /** [L * L] logits of the whole frame, where asked for by `returnLogits`. */
  readonly lowResLogits?: Float32Array;
}

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

/** What is remembered of an object. */
export interface Tracked {
  readonly memory: VideoMemory;
  readonly buffers: Readonly<Record<"memories" | "pointers", GPUBuffer>>;
  /** Frames that were tracked: a prompt there corrects. */
  readonly seen: Set<number>;
  /** Masks of frames with a first prompt, which are not computed again. */
  readonly given: Map<number, VideoMask>;
}

/** How an object is looked for in a frame. */
export interface Step {
  readonly by: "prompt" | "memory" | "mask";
  readonly prompt: VideoPrompt;
  readonly isBackward: boolean;
  readonly returnLogits: boolean;
}

export class VideoFrames {
  readonly #origin: VideoOrigin;
  /** Of the frame that was encoded last. */
  readonly buffers: Readonly<Record<string, GPUBuffer>>;
  #encoded: number | undefined;
  #isDisposed = false;

  constructor(origin: VideoOrigin) {
    this.#origin = origin;
    this.buffers = this.#rooms(frameSpecs(this.#settings()));
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#origin.cursor.close();
    this.free(this.buffers);
  }

  /** Looks for an object in a frame, and remembers what is found: as a prompted frame or a tracked one. */
  async step(frame: number, tracked: Tracked, step: Step, isFirst: boolean, signal: AbortSignal): Promise<VideoMask> {
    const { session } = this.#origin;
    await this.#encode(frame, signal);
    const { by, prompt, returnLogits } = step;
    const { memory, buffers, seen } = tracked;
    const tokens = tokensOf(prompt, this.#placement(), this.#origin.model.config);
    const part = videoObjectPart({
      ...this.#settings(),
      ...this.#sizes(),
      T: tokens.labels.length,
      isMultimask: this.#isMultimask(prompt, isFirst),
      by,
      size: [this.#origin.height, this.#origin.width],
      hasLogits: returnLogits,
    });
    const looks = by === "memory" ? this.#looks(frame, memory, step.isBackward) : undefined;
    const slot = memory.reserve(frame, isFirst);
    const inputs = {
      coords: Float32Array.from(tokens.coords),
      labels: Int32Array.from(tokens.labels),
      ...this.#shown(step),
      ...looks?.inputs,
    };
    const run = (executor: Executor) => {
      this.check();
      return executor.runBytes(inputs, {
        bindings: bindingsOf(executor, { ...this.buffers, ...buffers }),
        lengths: { slot, ...looks?.lengths },
      });
    };
    const outputs = await session.use([part], run, signal);
    memory.keep(frame, slot, isFirst);
    if (this.#origin.cursor.length === undefined) forgetBefore(frame, tracked);
    if (!isFirst) seen.add(frame);
    return this.#unpacked(outputs);
  }

  /** Inputs of a prompt beside its tokens. */
  #shown({ by, prompt }: Step): Readonly<Record<string, HostArray>> {
    const { dtype } = this.#origin.session;
    const { mask, points = [], box } = prompt;
    if (by === "mask") return { mask: floatArray(Float32Array.from(mask ?? [], Number), dtype) };
    // The memory of a prompted mask is of its inside and outside, that of a tracked one of how sure it is.
    const isSharp = points.length > 0 || box !== undefined;
    return { sharpness: floatArray(Float32Array.of(isSharp ? (dtype === "f16" ? 6e4 : 1e8) : 1), dtype) };
  }

  /** What a frame looks at: slots and times, of as many as there may be, and how many there are. */
  #looks(frame: number, memory: VideoMemory, isBackward: boolean) {
    const { model, session } = this.#origin;
    const { memory: sizes, prompt } = model.config;
    const { length = Number.POSITIVE_INFINITY } = this.#origin.cursor;
    const most = Math.max(2, Math.min(length, sizes.max_object_pointers_in_encoder));
    const frames = memory.framesFor(frame, isBackward, sizes);
    const pointers = memory.pointersFor(frame, isBackward, most);
    const room = this.#sizes();
    const filled = (looks: readonly Look[], of: "slot" | "time", count: number) =>
      Int32Array.from({ length: count }, (_, i) => looks[i]?.[of] ?? 0);
    const C = prompt.hidden_size;
    const codes = Float32Array.from({ length: room.pointers * C }, () => 0);
    for (const [i, { time }] of pointers.entries()) codes.set(timeCode(time / (most - 1), C), i * C);
    const frameRows = frames.length * memoryRows(model.config);
    return {
      inputs: {
        frameSlots: filled(frames, "slot", room.frames),
        frameTimes: filled(frames, "time", room.frames),
        pointerSlots: filled(pointers, "slot", room.pointers),
        ...(sizes.enable_temporal_pos_encoding_for_object_pointers && {
          pointerTimes: floatArray(codes, session.dtype),
        }),
      },
      lengths: { frameRows, keys: frameRows + pointers.length * (C / sizes.memory_encoder_output_channels) },
    };
  }

  #unpacked(bytes: Readonly<Record<string, ArrayBuffer>>): VideoMask {
    const { session } = this.#origin;
    const floats = (buffer: ArrayBuffer) =>
      session.dtype === "f16" ? fromHalfArray(new Uint16Array(buffer)) : new Float32Array(buffer);
    const score = bytes.score ? (floats(bytes.score)[0] as number) : 10;
    const one = floatArray(Float32Array.of(score), session.dtype).slice().buffer as ArrayBuffer;
    const outputs = { bits: bytes.bits as ArrayBuffer, chosenScores: one, lowRes: bytes.logits ?? new ArrayBuffer(0) };
    const [[mask] = []] = unpackMasks([{ first: 0, bytes: outputs }], floats, 1, this.#origin);
    if (!mask) throw new TypeError("a frame gave no mask");
    const { width, height, lowResLogits } = mask;
    return { mask: mask.mask, width, height, score, ...(bytes.logits && { lowResLogits }) };
  }

  /** Encodes a frame, unless it is the one that was encoded last. */
  async #encode(frame: number, signal: AbortSignal): Promise<void> {
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
      const part = videoEncoderPart(this.#settings());
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

  #isMultimask({ points = [], box }: VideoPrompt, isFirst: boolean): boolean {
    const { memory } = this.#origin.model.config;
    const clicks = points.length + (box ? 2 : 0);
    const isWanted = memory.multimask_output_in_sam && (isFirst || memory.multimask_output_for_tracking);
    return isWanted && clicks >= memory.multimask_min_pt_num && clicks <= memory.multimask_max_pt_num;
  }

  #settings() {
    return { config: this.#origin.model.config, dtype: this.#origin.session.dtype };
  }

  #sizes(): MemorySizes {
    const { limits, model } = this.#origin;
    const { num_maskmem, max_object_pointers_in_encoder } = model.config.memory;
    return {
      slots: limits.prompted + limits.tracked,
      frames: limits.prompted + num_maskmem - 1,
      pointers: limits.prompted + max_object_pointers_in_encoder - 1,
    };
  }

  #placement(): Placement {
    const { image_size: side } = this.#origin.model.config;
    return { width: this.#origin.width, height: this.#origin.height, cut: [side, side] };
  }

  /** The memory of a further object. */
  newObject(): Tracked {
    const { memories, pointers } = this.#rooms(memorySpecs({ ...this.#settings(), ...this.#sizes() }));
    const buffers = { memories: memories as GPUBuffer, pointers: pointers as GPUBuffer };
    return { memory: new VideoMemory(this.#origin.limits), buffers, seen: new Set(), given: new Map() };
  }

  /** Buffers of zeros. */
  #rooms(specs: Readonly<Record<string, Spec>>): Record<string, GPUBuffer> {
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

/** Of frames that cannot be gone back to nothing is kept, so that a video without an end does not grow. */
function forgetBefore(frame: number, { seen, given }: Tracked): void {
  for (const frames of [seen, given]) for (const past of frames.keys()) if (past < frame) frames.delete(past);
}

/** What a plan reads of a video: where a mask is given it may not read what the decoder would draw one of. */
function bindingsOf({ plan }: Executor, buffers: Readonly<Record<string, GPUBuffer>>): Bindings {
  return Object.fromEntries(Object.entries(buffers).filter(([name]) => plan.bound.has(name)));
}
