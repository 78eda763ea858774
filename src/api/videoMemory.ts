// Which frames are remembered of an object, and where: rows of buffers of a fixed number of rows (slots). What a frame
// looks at follows transformers (models/sam2_video: _gather_memory_frame_outputs, _get_object_pointers).
import { ArgumentError } from "../device/errors.ts";
import type { Sam2MemoryConfig } from "../models/sam2/videoConfig.ts";

/** How many frames are remembered of an object. */
export interface MemoryLimits {
  /** Frames with a first prompt, all of which every other frame looks at. */
  readonly prompted: number;
  /** Frames that were tracked, the nearest to the last one. */
  readonly tracked: number;
}

/** A remembered frame that is looked at: its slot, and how many frames away it counts as. */
export interface Look {
  readonly slot: number;
  readonly time: number;
}

export class VideoMemory {
  readonly #limits: MemoryLimits;
  readonly #prompted = new Map<number, number>();
  readonly #tracked = new Map<number, number>();

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
  }

  /** Whether the object was shown in any frame. */
  get isEmpty(): boolean {
    return this.#prompted.size === 0;
  }

  isPrompted(frame: number): boolean {
    return this.#prompted.has(frame);
  }

  /** Frames with a first prompt, in their order. */
  get promptedFrames(): number[] {
    return [...this.#prompted.keys()].sort((a, b) => a - b);
  }

  /**
   * A slot for a frame, whose earlier memory is forgotten, as is that of a tracked frame where there is no other room.
   * `keep` tells that it was written.
   */
  reserve(frame: number, isPrompted: boolean): number {
    const { prompted, tracked } = this.#limits;
    const own = isPrompted ? this.#prompted : this.#tracked;
    const [first, count] = isPrompted ? [0, prompted] : [prompted, tracked];
    const before = own.get(frame);
    own.delete(frame);
    if (before !== undefined) return before;
    if (own.size === count) {
      if (isPrompted) {
        throw new ArgumentError(
          `the object has prompts in ${count} frames, as many as are remembered of it: open the video with a larger ` +
            "promptedFrames, or prompt it in one of these frames",
        );
      }
      const farthest = [...own.keys()].reduce((a, b) => (Math.abs(b - frame) > Math.abs(a - frame) ? b : a));
      const slot = own.get(farthest) as number;
      own.delete(farthest);
      return slot;
    }
    const taken = new Set(own.values());
    return Array.from({ length: count }, (_, i) => first + i).find((slot) => !taken.has(slot)) as number;
  }

  keep(frame: number, slot: number, isPrompted: boolean): void {
    (isPrompted ? this.#prompted : this.#tracked).set(frame, slot);
  }

  /** The memories that a frame looks at; times are rows of the codes of times. */
  framesFor(frame: number, isBackward: boolean, { num_maskmem }: Sam2MemoryConfig): Look[] {
    const prompted = [...this.#prompted.values()].map((slot) => ({ slot, time: num_maskmem - 1 }));
    const recent = Array.from({ length: num_maskmem - 1 }, (_, i) => i + 1).flatMap((away) => {
      const slot = this.#tracked.get(isBackward ? frame + away : frame - away);
      return slot === undefined ? [] : [{ slot, time: away - 1 }];
    });
    return [...prompted, ...recent];
  }

  /** The pointers that a frame looks at: of prompted frames up to it, and of so many before it; times in frames. */
  pointersFor(frame: number, isBackward: boolean, most: number): Look[] {
    const sign = isBackward ? -1 : 1;
    const prompted = [...this.#prompted].flatMap(([at, slot]) => {
      const time = (frame - at) * sign;
      return time >= 0 ? [{ slot, time }] : [];
    });
    const recent = Array.from({ length: most - 1 }, (_, i) => i + 1).flatMap((time) => {
      const slot = this.#tracked.get(frame - sign * time);
      return slot === undefined ? [] : [{ slot, time }];
    });
    return [...prompted, ...recent];
  }
}
