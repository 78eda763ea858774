// Objects in the frames of a video: what they are known by, and what is found and remembered of them. Objects that are
// followed by what is remembered of them run together, as many as the device can bind.
import { fromHalfArray } from "../device/half.ts";
import type { HostArray } from "../device/tensor.ts";
import type { Bindings } from "../graph/bindings.ts";
import type { Executor } from "../graph/executor.ts";
import { floatArray } from "../models/exampleInputs.ts";
import { type Placement, type SamPrompt, tokensOf } from "../models/sam/prompts.ts";
import { timeCode } from "../models/sam2/positions.ts";
import { memoryRows } from "../models/sam2/videoConfig.ts";
import { type MemorySizes, memorySpecs, namesOf } from "../models/sam2/videoMemories.ts";
import { videoObjectPart } from "../models/sam2/videoParts.ts";
import { unpackMasks } from "./samMasks.ts";
import type { VideoFrames, VideoOrigin } from "./videoFrames.ts";
import { type Look, VideoMemory } from "./videoMemory.ts";

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

/** What is remembered of an object. */
export interface Tracked {
  readonly memory: VideoMemory;
  readonly buffers: Readonly<Record<"memories" | "pointers", GPUBuffer>>;
  /** Frames that were tracked: a prompt there corrects. */
  readonly seen: Set<number>;
  /** Masks of frames with a first prompt, which are not computed again. */
  readonly given: Map<number, VideoMask>;
}

/** How objects are looked for in a frame. */
export interface Step {
  readonly by: "prompt" | "memory" | "mask";
  /** Of a single object. */
  readonly prompt: VideoPrompt;
  /** Whether it is the first prompt of the object in the frame. */
  readonly isFirst: boolean;
  readonly isBackward: boolean;
  readonly returnLogits: boolean;
}

/** What an object looks at in a frame. */
interface Looks {
  readonly frames: readonly Look[];
  readonly pointers: readonly Look[];
}

/** What is computed at once grows with them, and they are many enough to keep a GPU busy. */
const MOST_AT_ONCE = 4;

export class VideoObjects {
  readonly #origin: VideoOrigin;
  readonly #frames: VideoFrames;
  /** As many as the device is known to bind at once, or fewer. */
  #mostAtOnce = MOST_AT_ONCE;

  constructor(origin: VideoOrigin, frames: VideoFrames) {
    this.#origin = origin;
    this.#frames = frames;
  }

  /** The memory of a further object. */
  create(): Tracked {
    const specs = memorySpecs({ ...this.#frames.settings, ...this.#sizes() });
    const { memories, pointers } = this.#frames.rooms(specs);
    const buffers = { memories: memories as GPUBuffer, pointers: pointers as GPUBuffer };
    return { memory: new VideoMemory(this.#origin.limits), buffers, seen: new Set(), given: new Map() };
  }

  /** Looks for an object in a frame that a prompt is of, and remembers what is found. */
  async show(frame: number, object: Tracked, step: Step, signal: AbortSignal): Promise<VideoMask> {
    await this.#frames.encode(frame, signal);
    const [mask] = await this.#run(frame, [object], step, signal);
    return mask as VideoMask;
  }

  /** Looks for objects in a frame by what is remembered of them, and remembers what is found. */
  async follow(
    frame: number,
    objects: readonly Tracked[],
    { isBackward, returnLogits }: Pick<Step, "isBackward" | "returnLogits">,
    signal: AbortSignal,
  ): Promise<Map<Tracked, VideoMask>> {
    const step: Step = { by: "memory", prompt: {}, isFirst: false, isBackward, returnLogits };
    const masks = new Map<Tracked, VideoMask>();
    if (objects.length > 0) await this.#frames.encode(frame, signal);
    for (const alike of this.#alike(frame, objects, isBackward)) {
      for (let at = 0; at < alike.length; ) {
        const some = alike.slice(at, at + (await this.#atOnce(alike.length - at, step)));
        const results = await this.#run(frame, some, step, signal);
        for (const [i, object] of some.entries()) masks.set(object, results[i] as VideoMask);
        at += some.length;
      }
    }
    return masks;
  }

  /** Objects that look at as many frames and pointers. */
  #alike(frame: number, objects: readonly Tracked[], isBackward: boolean): Tracked[][] {
    const groups = new Map<string, Tracked[]>();
    for (const object of objects) {
      const { frames, pointers } = this.#looks(frame, object, isBackward);
      const counts = `${frames.length} ${pointers.length}`;
      groups.set(counts, [...(groups.get(counts) ?? []), object]);
    }
    return [...groups.values()];
  }

  async #atOnce(count: number, step: Step): Promise<number> {
    const { session } = this.#origin;
    while (this.#mostAtOnce > 1 && !(await session.fits(this.#part(Math.min(count, this.#mostAtOnce), step)))) {
      this.#mostAtOnce = Math.ceil(Math.min(count, this.#mostAtOnce) / 2);
    }
    return Math.min(count, this.#mostAtOnce);
  }

  #part(objects: number, { by, prompt, isFirst, returnLogits }: Step) {
    const { config } = this.#origin.model;
    return videoObjectPart({
      ...this.#frames.settings,
      ...this.#sizes(),
      objects,
      T: tokensOf(prompt, this.#placement(), config).labels.length,
      isMultimask: this.#isMultimask(prompt, isFirst),
      by,
      size: [this.#origin.height, this.#origin.width],
      hasLogits: returnLogits,
    });
  }

  async #run(frame: number, objects: readonly Tracked[], step: Step, signal: AbortSignal): Promise<VideoMask[]> {
    const { session, cursor, model } = this.#origin;
    const { prompt, isFirst } = step;
    const tokens = tokensOf(prompt, this.#placement(), model.config);
    const looks = step.by === "memory" ? objects.map((object) => this.#looks(frame, object, step.isBackward)) : [];
    const slots = objects.map(({ memory }) => memory.reserve(frame, isFirst));
    const inputs = {
      coords: Float32Array.from(objects.flatMap(() => tokens.coords)),
      labels: Int32Array.from(objects.flatMap(() => tokens.labels)),
      ...this.#shown(step),
      ...(looks.length > 0 && this.#lookInputs(looks)),
    };
    const run = (executor: Executor) => {
      this.#frames.check();
      const ofObjects = objects.flatMap(({ buffers: { memories, pointers } }, i) => {
        const names = namesOf(i);
        return [[names.memories, memories] as const, [names.pointers, pointers] as const];
      });
      return executor.runBytes(inputs, {
        bindings: bindingsOf(executor, { ...this.#frames.buffers, ...Object.fromEntries(ofObjects) }),
        lengths: this.#lengths(slots, looks),
      });
    };
    const outputs = await session.use([this.#part(objects.length, step)], run, signal);
    for (const [i, object] of objects.entries()) {
      object.memory.keep(frame, slots[i] as number, isFirst);
      if (cursor.length === undefined) forgetBefore(frame, object);
      if (!isFirst) object.seen.add(frame);
    }
    return this.#unpacked(outputs, objects.length);
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

  #looks(frame: number, { memory }: Tracked, isBackward: boolean): Looks {
    const { memory: sizes } = this.#origin.model.config;
    return {
      frames: memory.framesFor(frame, isBackward, sizes),
      pointers: memory.pointersFor(frame, isBackward, this.#mostPointers()),
    };
  }

  #mostPointers(): number {
    const { length = Number.POSITIVE_INFINITY } = this.#origin.cursor;
    return Math.max(2, Math.min(length, this.#origin.model.config.memory.max_object_pointers_in_encoder));
  }

  /** Slots and times of what objects look at, of as many as there may be. */
  #lookInputs(looks: readonly Looks[]): Readonly<Record<string, HostArray>> {
    const { model, session } = this.#origin;
    const { memory, prompt } = model.config;
    const room = this.#sizes();
    const filled = (kind: "frames" | "pointers", of: "slot" | "time") =>
      Int32Array.from(looks.flatMap((look) => Array.from({ length: room[kind] }, (_, i) => look[kind][i]?.[of] ?? 0)));
    const C = prompt.hidden_size;
    const codes = new Float32Array(looks.length * room.pointers * C);
    for (const [object, { pointers }] of looks.entries()) {
      for (const [i, { time }] of pointers.entries()) {
        codes.set(timeCode(time / (this.#mostPointers() - 1), C), (object * room.pointers + i) * C);
      }
    }
    return {
      frameSlots: filled("frames", "slot"),
      frameTimes: filled("frames", "time"),
      pointerSlots: filled("pointers", "slot"),
      ...(memory.enable_temporal_pos_encoding_for_object_pointers && {
        pointerTimes: floatArray(codes, session.dtype),
      }),
    };
  }

  /** Where each object's memory goes, and how much of what was remembered is there: as much of each. */
  #lengths(slots: readonly number[], [first]: readonly Looks[]): Readonly<Record<string, number>> {
    const { config } = this.#origin.model;
    const lengths = Object.fromEntries(slots.map((slot, i) => [namesOf(i).slot, slot]));
    if (!first) return lengths;
    const parts = config.prompt.hidden_size / config.memory.memory_encoder_output_channels; // of a pointer
    const [R, room] = [memoryRows(config), this.#sizes()];
    const rows = room.frames * R + room.pointers * parts;
    const frameRows = first.frames.length * R;
    for (const i of slots.keys()) lengths[namesOf(i).pointersAt] = i * rows + frameRows;
    return { ...lengths, keys: frameRows + first.pointers.length * parts };
  }

  #unpacked(bytes: Readonly<Record<string, ArrayBuffer>>, objects: number): VideoMask[] {
    const { session } = this.#origin;
    const floats = (buffer: ArrayBuffer) =>
      session.dtype === "f16" ? fromHalfArray(new Uint16Array(buffer)) : new Float32Array(buffer);
    const given = floatArray(Float32Array.of(10), session.dtype).slice().buffer as ArrayBuffer; // of a given mask
    const outputs = {
      bits: bytes.bits as ArrayBuffer,
      chosenScores: bytes.score ?? given,
      lowRes: bytes.logits ?? new ArrayBuffer(0),
    };
    const masks = unpackMasks([{ first: 0, bytes: outputs }], floats, objects, this.#origin).flat();
    return masks.map(({ mask, width, height, score, lowResLogits }) => {
      return { mask, width, height, score, ...(bytes.logits && { lowResLogits }) };
    });
  }

  #isMultimask({ points = [], box }: VideoPrompt, isFirst: boolean): boolean {
    const { memory } = this.#origin.model.config;
    const clicks = points.length + (box ? 2 : 0);
    const isWanted = memory.multimask_output_in_sam && (isFirst || memory.multimask_output_for_tracking);
    return isWanted && clicks >= memory.multimask_min_pt_num && clicks <= memory.multimask_max_pt_num;
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
}

/** Of frames that cannot be gone back to nothing is kept, so that a video without an end does not grow. */
function forgetBefore(frame: number, { seen, given }: Tracked): void {
  for (const frames of [seen, given]) for (const past of frames.keys()) if (past < frame) frames.delete(past);
}

/** What a plan reads of a video: where a mask is given it may not read what the decoder would draw one of. */
function bindingsOf({ plan }: Executor, buffers: Readonly<Record<string, GPUBuffer>>): Bindings {
  return Object.fromEntries(Object.entries(buffers).filter(([name]) => plan.bound.has(name)));
}
