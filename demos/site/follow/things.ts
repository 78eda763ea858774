// What is followed: things by colour, where the visitor showed them, and where SAM 2 found them.
import { encodeRle, type Rle, type SamPoint, type VideoMask } from "../engine.ts";

/** Colours that neighbours can be told apart by, on film too; the first is the pencil's. */
const COLOURS = ["#ff5230", "#3fb9c6", "#efb04c", "#b58cf0", "#74c365", "#ff5f9e", "#5a93f2", "#f4e361"] as const;

/** Where a thing is in a frame: its mask, which is empty where the score is not above 0. */
export interface Found {
  readonly rle: Rle;
  readonly score: number;
}

export class Thing {
  readonly name: string;
  readonly colour: string;
  /** What was clicked, by frame. */
  readonly clicks = new Map<number, readonly SamPoint[]>();
  readonly found = new Map<number, Found>();

  constructor(number: number) {
    this.name = `Object ${number}`;
    this.colour = COLOURS[(number - 1) % COLOURS.length] as string;
  }

  /** The frame in which it was shown first, of those that were clicked in. */
  get shownAt(): number | undefined {
    return this.clicks.size > 0 ? Math.min(...this.clicks.keys()) : undefined;
  }

  keep(frame: number, { mask, width, height, score }: VideoMask): void {
    this.found.set(frame, { rle: encodeRle({ width, height, data: mask }), score });
  }

  /** "there", "gone", or undefined where it was not looked for. */
  at(frame: number): "there" | "gone" | undefined {
    const found = this.found.get(frame);
    return found && (isThere(found) ? "there" : "gone");
  }
}

export function isThere({ score, rle }: Found): boolean {
  return score > 0 && rle.counts.length > 1;
}
