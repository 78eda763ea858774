// What the visitor has shown so far, step by step, each with the masks that it gave: undo and redo compute nothing.
import type { SamBox, SamMask, SamPoint } from "../engine.ts";

export interface Prompt {
  readonly points: readonly SamPoint[];
  readonly box?: SamBox | undefined;
  /** Logits of the mask that this one refines. */
  readonly maskInput?: Float32Array | undefined;
}

export interface Step {
  readonly prompt: Prompt;
  /** In the model's order. */
  readonly masks: readonly SamMask[];
  /** Index of the chosen mask: the one of the best score, until the visitor chooses another. */
  chosen: number;
}

/** The prompt of a picture on which nothing was marked. */
export const NOTHING: Step = { prompt: { points: [] }, masks: [], chosen: 0 };

/** Older steps are forgotten when all masks together need more bytes than this. */
const MOST_BYTES = 256 * 2 ** 20;

/** The prompt with one point more; with `refine` it builds on the step's mask. */
export function withPoint({ prompt, masks, chosen }: Step, point: SamPoint, refine: boolean): Prompt {
  const { points, box } = prompt;
  return { points: [...points, point], box, maskInput: refine ? masks[chosen]?.lowResLogits : undefined };
}

/** One point or one box can mean a part or the whole: SAM gives three masks then, and else one. */
export function isAmbiguous({ points, box, maskInput }: Prompt): boolean {
  return points.length + (box ? 1 : 0) === 1 && !maskInput;
}

/** Index of the mask that the model thinks best of. */
export function best(masks: readonly SamMask[]): number {
  return masks.reduce((top, { score }, i) => (score > (masks[top] as SamMask).score ? i : top), 0);
}

export class History {
  #steps: Step[] = [NOTHING];
  #at = 0;

  get now(): Step {
    return this.#steps[this.#at] as Step;
  }

  get canUndo(): boolean {
    return this.#at > 0;
  }

  get canRedo(): boolean {
    return this.#at < this.#steps.length - 1;
  }

  /** A new step in place of all that were undone. */
  push(step: Step): void {
    this.#steps.splice(this.#at + 1);
    this.#steps.push(step);
    this.#at += 1;
    while (this.#at > 1 && this.#bytes() > MOST_BYTES) {
      this.#steps.shift();
      this.#at -= 1;
    }
  }

  undo(): void {
    if (this.canUndo) this.#at -= 1;
  }

  redo(): void {
    if (this.canRedo) this.#at += 1;
  }

  /** Forgets everything: another picture. */
  reset(): void {
    this.#steps = [NOTHING];
    this.#at = 0;
  }

  #bytes(): number {
    return this.#steps.flatMap(({ masks }) => masks).reduce((sum, { mask }) => sum + mask.byteLength, 0);
  }
}
