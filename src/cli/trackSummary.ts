// What `track` says of each object at the end. It is counted frame by frame: a film has more frames than a terminal has
// room for.

import { maskArea } from "../masks/rle.ts";
import type { TrackedMask } from "./files/trackFiles.ts";
import { table } from "./table.ts";

interface Seen {
  frames: number;
  first: number;
  last: number;
  /** Sum of the parts of the frames that the object covers. */
  share: number;
}

export class TrackSummary {
  /** How many there were. */
  frames = 0;
  readonly #objects: ReadonlyMap<string, Seen>;

  constructor(objects: readonly string[]) {
    this.#objects = new Map(objects.map((name) => [name, { frames: 0, first: Infinity, last: -1, share: 0 }]));
  }

  add(frame: number, masks: readonly TrackedMask[]): void {
    this.frames++;
    for (const { object, found, rle } of masks) {
      const seen = this.#objects.get(object);
      const area = maskArea(rle);
      if (!seen || area === 0) continue;
      seen.frames++;
      seen.first = Math.min(seen.first, frame);
      seen.last = Math.max(seen.last, frame);
      seen.share += area / (found.width * found.height);
    }
  }

  text(): string {
    const rows = [...this.#objects].map(([name, { frames, first, last, share }]) => {
      const there = `${frames} of ${this.frames} frames`;
      if (frames === 0) return [name, there, "", ""];
      return [name, there, `${first} – ${last}`, `${((100 * share) / frames).toFixed(1)} %`];
    });
    return table([["object", "is there in", "first and last", "area on average"], ...rows], "lrrr");
  }
}
