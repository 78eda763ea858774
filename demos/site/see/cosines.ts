// How alike patches are to one patch.
import type { PatchFeatures } from "../engine.ts";
import type { NumberMap } from "./heat.ts";
import type { Cell } from "./view.ts";

export type Seen = PatchFeatures;

/** The cosine of a patch of `from` with every patch of `to`. */
export function cosines(from: Seen, [row, column]: Cell, to: Seen): NumberMap {
  const channels = from.patches.shape[2] as number;
  const start = (row * from.grid[1] + column) * channels;
  const patch = (from.patches.data as Float32Array).subarray(start, start + channels);
  const [height, width] = to.grid;
  const all = to.patches.data as Float32Array;
  const data = new Float32Array(height * width);
  const length = Math.hypot(...patch);
  for (let i = 0; i < data.length; i++) {
    let [sum, square] = [0, 0];
    for (let c = 0; c < channels; c++) {
      const value = all[i * channels + c] as number;
      sum += value * (patch[c] as number);
      square += value * value;
    }
    data[i] = sum / Math.max(1e-12, length * Math.sqrt(square));
  }
  return { width, height, data };
}
